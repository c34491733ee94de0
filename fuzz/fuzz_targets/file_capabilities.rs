//! Fuzzes the bytes of security.capability, and the notation of getcap and setcap.
#![no_main]

use capwrap_core::capability::xattr::Attribute;
use capwrap_core::policy::FileCapabilities;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(attribute) = Attribute::decode(bytes) {
        // A version 1 is written as version 2. What was decoded must decode to the same value again.
        let again = attribute.encode();
        assert!(bytes.len() == 12 || again.len() == bytes.len());
        assert_eq!(Attribute::decode(&again).as_ref(), Ok(&attribute));
        said(&attribute.capabilities);
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(read) = FileCapabilities::parse(text)
    {
        said(&read);
    }
});

/// Checks that the written capabilities parse to the same value. The exception is an effective bit without
/// capabilities, which has no effect, and for which the notation has no form.
fn said(capabilities: &FileCapabilities) {
    if capabilities.effective && capabilities.permitted.union(capabilities.inheritable).is_empty() {
        return;
    }
    let words = capabilities.to_string();
    assert_eq!(FileCapabilities::parse(&words).as_ref(), Ok(capabilities), "{words}");
}
