//! Names the controlling terminal of a process, as the kernel reports it. The caller cannot hide it by a redirection.

/// Reads the terminal from the text of `/proc/self/stat` (proc_pid_stat(5)), such as `pts/3`, `tty1` or `ttyS0`. A
/// device that is none of these is named by its numbers, as `204:64`.
///
/// The result is `None` if the process has no terminal, or if the text is not what the kernel writes.
pub fn of_stat(stat: &str) -> Option<String> {
    // The name of the program stands in parentheses and can have any character.
    let (_, behind_name) = stat.rsplit_once(") ")?;
    let number: i32 = behind_name.split(' ').nth(4)?.parse().ok()?;
    (number != 0).then(|| name(number as u32))
}

/// `new_encode_dev` of `include/linux/kdev_t.h`; the major numbers of `Documentation/admin-guide/devices.txt`.
fn name(device: u32) -> String {
    let (major, minor) = (device >> 8 & 0xfff, device & 0xff | device >> 12 & 0xfff00);
    match (major, minor) {
        (136, pts) => format!("pts/{pts}"),
        (4, tty @ 0..64) => format!("tty{tty}"),
        (4, serial) => format!("ttyS{}", serial - 64),
        _ => format!("{major}:{minor}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_terminal_is_the_seventh_field_whatever_the_program_calls_itself() {
        let stat = |program: &str, terminal: u32| format!("12 ({program}) S 1 12 12 {terminal} 99 4194304 1 2");
        for (number, terminal) in [
            (0, None),
            (34816, Some("pts/0")),
            (34819, Some("pts/3")),
            (136 << 8 | 0x10_0000 | 44, Some("pts/300")),
            (1025, Some("tty1")),
            (1088, Some("ttyS0")),
            (204 << 8 | 64, Some("204:64")),
        ] {
            for program in ["cat", "a) S 1 2 3 34817 (b", "x y"] {
                assert_eq!(of_stat(&stat(program, number)).as_deref(), terminal, "{number} {program}");
            }
        }
        for odd in ["", "12 (cat", "12 (cat) S 1", "12 (cat) S 1 12 12 x 99"] {
            assert_eq!(of_stat(odd), None, "{odd}");
        }
    }
}
