//! The offsets of members in the kernel's structures, from the BTF that every user may read.

use crate::observe::probe::btf::KernelTypes;
use anyhow::Result;
use capwrap_ebpf::Offsets;

/// The running kernel's BTF.
pub const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

/// The ids of `struct cred`, in the order of `capwrap_ebpf::Ids`.
const IDS: [&str; 8] = ["uid", "gid", "suid", "sgid", "euid", "egid", "fsuid", "fsgid"];

/// Reads the offsets from a kernel's types.
pub fn of(types: &KernelTypes) -> Result<Offsets> {
    let [task, cred, user_namespace, file, inode, dentry, mount] =
        ["task_struct", "cred", "user_namespace", "file", "inode", "dentry", "mount"].map(|name| types.structure(name));
    let (task, cred, user_namespace) = (task?, cred?, user_namespace?);
    let (file, inode, dentry, mount) = (file?, inode?, dentry?, mount?);
    let mut ids = [0; IDS.len()];
    for (offset, name) in ids.iter_mut().zip(IDS) {
        *offset = cred.offset(&[name])?;
    }
    Ok(Offsets {
        task_pid: task.offset(&["pid"])?,
        task_tgid: task.offset(&["tgid"])?,
        task_flags: task.offset(&["flags"])?,
        task_group_leader: task.offset(&["group_leader"])?,
        task_cred: task.offset(&["cred"])?,
        task_real_cred: task.offset(&["real_cred"])?,
        task_mm: task.offset(&["mm"])?,
        cred_user_ns: cred.offset(&["user_ns"])?,
        cred_uid: ids[0],
        cred_gid: ids[1],
        cred_suid: ids[2],
        cred_sgid: ids[3],
        cred_euid: ids[4],
        cred_egid: ids[5],
        cred_fsuid: ids[6],
        cred_fsgid: ids[7],
        cred_ids_adjacent: u32::from(adjacent(&ids)),
        user_namespace_level: user_namespace.offset(&["level"])?,
        user_namespace_inum: user_namespace.offset(&["ns", "inum"])?,
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
    })
}

/// Returns the size of `pt_regs`. On aarch64 it is not the same in every release.
pub fn registers_bytes(types: &KernelTypes) -> Result<u32> {
    types.structure("pt_regs")?.size()
}

/// Whether the ids are adjacent, so that one read gets them all. A kernel may shuffle the members of its structures
/// (CONFIG_RANDSTRUCT).
fn adjacent(ids: &[u32]) -> bool {
    ids.windows(2).all(|pair| pair[0].checked_add(size_of::<u32>() as u32) == Some(pair[1]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_running_kernels_structures_have_all_members() {
        let Ok(btf) = std::fs::read(VMLINUX) else { return };
        let types = KernelTypes::read(&btf).unwrap();
        let offsets = of(&types).unwrap();
        assert_eq!(offsets.task_tgid, offsets.task_pid + 4);
        let ids = [
            [offsets.cred_uid, offsets.cred_suid, offsets.cred_euid, offsets.cred_fsuid],
            [offsets.cred_gid, offsets.cred_sgid, offsets.cred_egid, offsets.cred_fsgid],
        ];
        let each: BTreeSet<u32> = ids.into_iter().flatten().collect();
        assert_eq!(each.len(), 8, "{offsets:?}");
        // arch/x86/include/asm/ptrace.h: 21 registers of eight bytes.
        let expected = if cfg!(target_arch = "x86_64") { 168..=168 } else { 288..=352 };
        assert!(expected.contains(&registers_bytes(&types).unwrap()));
    }

    #[test]
    fn ids_are_read_in_one_go_only_where_they_lie_in_the_order_of_the_record() {
        assert!(adjacent(&[8, 12, 16, 20, 24, 28, 32, 36]));
        // The ids are in another order, apart, or in the same place.
        for ids in [[8, 16, 12, 20, 24, 28, 32, 36], [8, 12, 16, 20, 24, 28, 32, 40], [8; 8], [u32::MAX; 8]] {
            assert!(!adjacent(&ids), "{ids:?}");
        }
    }

    #[test]
    fn what_is_not_btf_is_an_error() {
        for bytes in [&b"not BTF at all"[..], b""] {
            assert!(KernelTypes::read(bytes).and_then(|types| of(&types)).is_err());
        }
    }
}
