//! Every step of the tutorial works.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, which may fail like tests")]

use std::collections::BTreeMap;

use hutong_domain::scene::{Problem, Scene, script};

/// The sections of a scene, by their names: a line that begins with a letter begins one.
fn sections(block: &str) -> Vec<(String, String)> {
    let mut sections: Vec<(String, String)> = Vec::new();
    for line in block.lines().filter(|line| !line.starts_with('#')) {
        match sections.last_mut() {
            Some((_, text)) if line.starts_with(' ') => *text += &format!("{line}\n"),
            _ => {
                let name = line.split(':').next().unwrap_or_default();
                sections.push((name.to_owned(), format!("{line}\n")));
            }
        }
    }
    sections
}

#[test]
fn every_step_of_the_tutorial_works() {
    let tutorial = include_str!("../../../docs/scene-tutorial.md");
    let blocks: Vec<&str> = tutorial.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let (tests, steps) = blocks.split_last().unwrap();
    assert_eq!(steps.len(), 6);
    let mut file: BTreeMap<String, String> = BTreeMap::new();
    for step in steps {
        file.extend(sections(step));
        let yaml: String = file.values().map(String::as_str).collect();
        let scene = Scene::parse(&yaml).unwrap_or_else(|problems| panic!("{problems:#?}\n{yaml}"));
        assert_eq!(scene.warnings(), [] as [Problem; 0], "{yaml}");
    }
    let yaml: String = file.values().map(String::as_str).collect();
    let scene = Scene::parse(&yaml).unwrap();
    for report in script::run(&scene, tests).unwrap_or_else(|problems| panic!("{problems:#?}")) {
        assert!(report.passed(), "{}: {:#?}\n{}", report.name, report.failures, report.transcript.join("\n"));
    }
}
