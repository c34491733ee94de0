//! Reads the local user and group files as text. A process that holds capabilities never loads NSS
//! modules; a policy names a user whom only a directory server knows by number.

/// A line of the user file, passwd(5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account<'t> {
    /// The login name.
    pub name: &'t str,
    /// The user id.
    pub uid: u32,
    /// The id of the first group.
    pub gid: u32,
    /// The home directory.
    pub home: &'t str,
    /// The login shell.
    pub shell: &'t str,
}

/// Returns the first account with this user id.
pub fn account(passwd: &str, uid: u32) -> Option<Account<'_>> {
    // Most lines are of others, and their third field is enough to see it.
    let is_theirs = |line: &&str| line.split(':').nth(2).and_then(number) == Some(uid);
    passwd.lines().filter(is_theirs).find_map(parse_account)
}

/// Returns the name of the first account with this user id, or the number if there is none.
pub fn name(passwd: &str, uid: u32) -> String {
    account(passwd, uid).map_or_else(|| format!("#{uid}"), |account| account.name.to_owned())
}

/// Returns the user id of the first account with this name.
pub fn user_id(passwd: &str, name: &str) -> Option<u32> {
    let mut named = passwd.lines().filter(|line| line.starts_with(name)).filter_map(parse_account);
    named.find(|account| account.name == name).map(|account| account.uid)
}

/// Returns the group id of the first group with this name, from group(5).
pub fn group_id(group: &str, name: &str) -> Option<u32> {
    let mut named = group.lines().filter(|line| line.starts_with(name)).filter_map(parse_group);
    named.find(|(known, ..)| *known == name).map(|(_, gid, _)| gid)
}

/// Returns whether the group file lists this user as a member of the group with this id.
pub fn lists_member(group: &str, gid: u32, user: &str) -> bool {
    parsed_groups(group)
        .any(|(_, known, members)| known == gid && !user.is_empty() && members.split(',').any(|member| member == user))
}

/// Returns the accounts that belong to the group with this id, each once, in the order of the user file: those that
/// the group file lists, and those that have it as their first group.
pub fn members<'t>(passwd: &'t str, group: &str, gid: u32) -> Vec<Account<'t>> {
    let mut all: Vec<Account<'t>> = Vec::new();
    let is_member = |account: &Account<'_>| account.gid == gid || lists_member(group, gid, account.name);
    for account in passwd.lines().filter_map(parse_account).filter(is_member) {
        if all.iter().all(|known| known.name != account.name) {
            all.push(account);
        }
    }
    all
}

/// Returns the ids of the groups that the group file lists this user in.
pub fn groups_of(group: &str, user: &str) -> Vec<u32> {
    let listed = parsed_groups(group).filter(|(_, _, members)| members.split(',').any(|member| member == user));
    listed.map(|(_, gid, _)| gid).collect()
}

fn parse_account(line: &str) -> Option<Account<'_>> {
    let [name, _, uid, gid, _, home, shell] = fields(line)?;
    Some(Account { name: valid_name(name)?, uid: number(uid)?, gid: number(gid)?, home, shell })
}

fn parsed_groups(text: &str) -> impl Iterator<Item = (&str, u32, &str)> {
    text.lines().filter_map(parse_group)
}

fn parse_group(line: &str) -> Option<(&str, u32, &str)> {
    let [name, _, gid, members] = fields(line)?;
    Some((valid_name(name)?, number(gid)?, members))
}

/// Returns the fields of a line, if it has so many. Both files are read several times in each launch, so no memory is
/// taken for a line.
fn fields<const COUNT: usize>(line: &str) -> Option<[&str; COUNT]> {
    let mut fields = [""; COUNT];
    let mut rest = Some(line);
    for field in &mut fields {
        let line = rest?;
        (*field, rest) = match line.bytes().position(|byte| byte == b':') {
            Some(colon) => (&line[..colon], Some(&line[colon + 1..])),
            None => (line, None),
        };
    }
    rest.is_none().then_some(fields)
}

/// Comment lines and lines for NIS (`+`, `-`) are not accounts.
fn valid_name(name: &str) -> Option<&str> {
    (!name.is_empty() && !name.starts_with(['#', '+', '-'])).then_some(name)
}

/// Accepts digits alone, because `parse` would read `+0` as root's id.
fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\n# a comment:x:0:0:::\n+:x:0:0::/:/bin/sh\nshort:x:7\nodd:x:+0:0::/:/bin/sh\nalice:x:1000:1000:Alice,,,:/home/alice:/bin/zsh\n:x:5:5::/:/bin/sh\ntwice:x:1000:1000::/elsewhere:/bin/sh\n";

    #[test]
    fn the_first_account_with_an_id_is_the_one() {
        let alice = account(PASSWD, 1000).unwrap();
        assert_eq!((alice.name, alice.home, alice.shell), ("alice", "/home/alice", "/bin/zsh"));
        assert_eq!(user_id(PASSWD, "root"), Some(0));
    }

    #[test]
    fn broken_lines_are_nobody() {
        assert_eq!(account(PASSWD, 5), None);
        assert_eq!(account(PASSWD, 7), None);
        for name in ["short", "odd", "+", "", "# a comment"] {
            assert_eq!(user_id(PASSWD, name), None, "{name}");
        }
    }

    #[test]
    fn groups_and_their_members_are_found() {
        let group = "capwrap:x:998:alice,bob\nempty:x:999:\nbroken:x\n";
        assert_eq!(group_id(group, "capwrap"), Some(998));
        assert_eq!(group_id(group, "broken"), None);
        assert!(lists_member(group, 998, "bob"));
        assert!(!lists_member(group, 998, "bo"));
        assert!(!lists_member(group, 999, ""));
    }

    #[test]
    fn the_members_of_a_group_are_those_it_lists_and_those_whose_first_group_it_is() {
        let passwd = "root:x:0:0::/root:\nalice:x:1:7::/a:\nbob:x:2:998::/b:\neve:x:3:3::/e:\nbob:x:2:998::/b:\n";
        let group = "capwrap:x:998:alice,nobody-such\nother:x:999:alice\n";
        let names: Vec<&str> = members(passwd, group, 998).iter().map(|account| account.name).collect();
        assert_eq!(names, ["alice", "bob"]);
        assert_eq!(groups_of(group, "alice"), [998, 999]);
        assert!(members(passwd, group, 5).is_empty() && groups_of(group, "eve").is_empty());
    }
}
