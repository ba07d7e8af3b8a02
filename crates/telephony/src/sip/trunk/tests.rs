//! Trunks as operators write them.

use super::*;

fn rule(prefix: &str, to: &str) -> Rewrite {
    Rewrite { prefix: prefix.to_owned(), to: to.to_owned() }
}

#[test]
fn numbers_are_written_as_the_first_rule_that_fits_says() {
    let rules = [rule("0086", "+86"), rule("0", "9021"), rule("", "8")];
    let check = |number, written| assert_eq!(rewritten(&rules, number), written, "{number}");
    check("008613800138000", "+8613800138000");
    check("02180000001", "90212180000001");
    check("13800138000", "813800138000");
    assert_eq!(rewritten(&[], "13800138000"), "13800138000");
}

#[test]
fn the_called_number_is_addressed_to_the_trunk() {
    let mut trunk = Trunk::at("198.51.100.7:5080");
    assert_eq!(trunk.callee("13800138000").unwrap().to_string(), "sip:13800138000@198.51.100.7:5080");
    trunk.transport = Transport::Tcp;
    trunk.called = vec![rule("", "9")];
    assert_eq!(trunk.callee("13800138000").unwrap().to_string(), "sip:913800138000@198.51.100.7:5080;transport=TCP");
    assert!(trunk.callee("138;x=y\r\nEvil: 1").is_err());
    assert!(Trunk { called: vec![], ..trunk }.callee("").is_err());
}

#[test]
fn a_person_is_addressed_by_number_at_the_trunk_or_by_address_through_it() {
    let check = |trunk: &Trunk, person: &str, address: &str, route: &[&str]| {
        let uri = trunk.person(&Destination::parse(person).unwrap()).unwrap();
        let routes: Vec<String> = trunk.route_to(&uri).unwrap().iter().map(|route| route.uri.to_string()).collect();
        assert_eq!((uri.to_string().as_str(), routes), (address, route.iter().map(ToString::to_string).collect()));
    };
    let udp = Trunk { called: vec![rule("1", "91")], ..Trunk::at("198.51.100.7:5080") };
    check(&udp, "13800138034", "sip:913800138034@198.51.100.7:5080", &[]);
    check(&udp, "sip:8001@198.51.100.7:5080", "sip:8001@198.51.100.7:5080", &[]);
    check(&udp, "sip:8001@pbx.example", "sip:8001@pbx.example", &["sip:198.51.100.7:5080;lr"]);
    let tls = Trunk { transport: Transport::Tls, ..Trunk::at("trunk.example") };
    check(&tls, "sip:8001@pbx.example", "sip:8001@pbx.example", &["sip:trunk.example;transport=TLS;lr"]);
    let proxied = Trunk { outbound_proxy: Some("proxy.example".to_owned()), ..Trunk::at("trunk.example") };
    check(&proxied, "sip:8001@pbx.example", "sip:8001@pbx.example", &["sip:proxy.example;lr"]);
    assert!(udp.person(&Destination::parse("+8613800138034").unwrap()).is_ok());
}

#[test]
fn the_caller_stands_where_the_trunk_wants_it() {
    let check = |caller_id, caller, from: &str, headers: &[&str]| {
        let trunk = Trunk { caller_id, user: Some("account".to_owned()), ..Trunk::at("trunk.example:5080") };
        let identity = trunk.identity(caller).unwrap();
        assert_eq!(identity.from.to_string(), from);
        let written: Vec<String> = identity.headers.iter().map(ToString::to_string).collect();
        assert_eq!(written, headers, "{caller_id:?}");
    };
    let (shown, hidden) = (Number::Shown("02180000001"), Number::Hidden("02180000001"));
    let account = "sip:account@trunk.example";
    let anonymous = "sip:anonymous@anonymous.invalid";
    let asserted = "P-Asserted-Identity: <sip:02180000001@trunk.example>";
    check(CallerId::From, shown, "sip:02180000001@trunk.example", &[]);
    check(CallerId::From, hidden, anonymous, &["Privacy: id", asserted]);
    check(CallerId::PAssertedIdentity, shown, account, &[asserted]);
    check(CallerId::PAssertedIdentity, hidden, anonymous, &[asserted, "Privacy: id"]);
    let party = "Remote-Party-ID: <sip:02180000001@trunk.example>;party=calling;screen=yes;privacy=";
    check(CallerId::RemotePartyId, shown, account, &[&format!("{party}off")]);
    check(CallerId::RemotePartyId, hidden, anonymous, &[&format!("{party}full"), "Privacy: id"]);
}

#[test]
fn a_port_is_no_part_of_a_name() {
    let check = |host, name| assert_eq!(without_port(host), name);
    check("trunk.example:5080", "trunk.example");
    check("trunk.example", "trunk.example");
    check("[2001:db8::1]:5060", "[2001:db8::1]");
    check("[2001:db8::1]", "[2001:db8::1]");
    check("192.0.2.1:5060", "192.0.2.1");
}

#[test]
fn a_wrong_setting_is_named() {
    let check = |change: fn(&mut Trunk), setting: &str| {
        let mut trunk = Trunk::at("trunk.example");
        change(&mut trunk);
        assert_eq!(trunk.check().unwrap_err().setting, setting);
    };
    assert_eq!(Trunk::at("trunk.example").check(), Ok(()));
    assert_eq!(Trunk::at("[2001:db8::1]:5060").check(), Ok(()));
    check(|trunk| trunk.server = String::new(), "server");
    check(|trunk| trunk.server = "a b".to_owned(), "server");
    check(|trunk| trunk.server = "trunk.example:port".to_owned(), "server");
    check(|trunk| trunk.domain = Some("x\r\ny".to_owned()), "domain");
    check(|trunk| trunk.user = Some("a@b".to_owned()), "user");
    check(|trunk| trunk.register = true, "user");
    check(|trunk| trunk.called = vec![rule("x", "")], "rewrite");
    check(|trunk| trunk.sandbox = true, "sandbox");
    check(|trunk| (trunk.sandbox, trunk.server) = (true, "localhost:5070".to_owned()), "sandbox");
    check(|trunk| trunk.register_s = 5, "register-seconds");
    check(|trunk| trunk.ring_s = 0, "options-seconds");
}

#[test]
fn settings_are_read_strictly_and_hide_the_password() {
    let trunk: Trunk = serde_json::from_str(r#"{"server":"trunk.example","user":"a","password":"hunter2"}"#).unwrap();
    assert!(!format!("{trunk:?}").contains("hunter2"));
    assert!(serde_json::from_str::<Trunk>(r#"{"server":"trunk.example","sever":"x"}"#).is_err());
    let again: Trunk = serde_json::from_str(&serde_json::to_string(&trunk).unwrap()).unwrap();
    assert_eq!(again, trunk);
}
