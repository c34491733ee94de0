//! Where the members of the kernel's structures lie: from the BTF that every user may read.

use crate::observe::probe::btf::KernelTypes;
use anyhow::{Result, bail};
use capwrap_ebpf::Offsets;

/// The running kernel's BTF.
pub const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

/// Reads the offsets from the bytes of a kernel's BTF.
pub fn read(btf: &[u8]) -> Result<Offsets> {
    let types = KernelTypes::read(btf)?;
    let [task, cred, user_namespace, file, inode, dentry, mount] =
        ["task_struct", "cred", "user_namespace", "file", "inode", "dentry", "mount"].map(|name| types.structure(name));
    let (task, cred, user_namespace) = (task?, cred?, user_namespace?);
    let (file, inode, dentry, mount) = (file?, inode?, dentry?, mount?);
    Ok(Offsets {
        task_pid: task.offset(&["pid"])?,
        task_tgid: task.offset(&["tgid"])?,
        task_flags: task.offset(&["flags"])?,
        task_group_leader: task.offset(&["group_leader"])?,
        task_cred: task.offset(&["cred"])?,
        task_real_cred: task.offset(&["real_cred"])?,
        task_mm: task.offset(&["mm"])?,
        cred_user_ns: cred.offset(&["user_ns"])?,
        cred_uid: cred.offset(&["uid"])?,
        cred_euid: cred.offset(&["euid"])?,
        cred_egid: cred.offset(&["egid"])?,
        user_namespace_level: user_namespace.offset(&["level"])?,
        user_namespace_inum: user_namespace.offset(&["ns", "inum"])?,
        pt_regs_system_call: system_call(&types)?,
        mm_exe_file: types.structure("mm_struct")?.offset(&["exe_file"])?,
        file_inode: file.offset(&["f_inode"])?,
        file_dentry: file.offset(&["f_path", "dentry"])?,
        file_mount: file.offset(&["f_path", "mnt"])?,
        inode_number: inode.offset(&["i_ino"])?,
        inode_super_block: inode.offset(&["i_sb"])?,
        super_block_device: types.structure("super_block")?.offset(&["s_dev"])?,
        dentry_name: dentry.offset(&["d_name", "name"])?,
        dentry_parent: dentry.offset(&["d_parent"])?,
        mount_vfsmount: mount.offset(&["mnt"])?,
        mount_parent: mount.offset(&["mnt_parent"])?,
        mount_mountpoint: mount.offset(&["mnt_mountpoint"])?,
        vfsmount_root: types.structure("vfsmount")?.offset(&["mnt_root"])?,
        zero: 0,
    })
}

/// The register that holds the system call's number for the kernel's own use.
fn system_call(types: &KernelTypes) -> Result<u32> {
    match std::env::consts::ARCH {
        "x86_64" => types.structure("pt_regs")?.offset(&["orig_ax"]),
        "aarch64" => types.structure("pt_regs")?.offset(&["syscallno"]),
        "riscv64" => types.structure("pt_regs")?.offset(&["a7"]),
        other => bail!("the registers of {other} are not known"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_running_kernels_structures_have_all_members() {
        let Ok(btf) = std::fs::read(VMLINUX) else { return };
        let offsets = read(&btf).unwrap();
        assert_eq!(offsets.task_tgid, offsets.task_pid + 4);
        assert_ne!(offsets.cred_euid, offsets.cred_egid);
    }

    #[test]
    fn what_is_not_btf_is_an_error() {
        assert!(read(b"not BTF at all").is_err());
        assert!(read(b"").is_err());
    }
}
