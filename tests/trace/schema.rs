//! The schema describes what is written: every trace is held against it, and its list of events
//! against the source's.
//!
//! The validator here knows as much of JSON Schema as our schema uses, and refuses the rest.

use serde_json::{Map, Value};

use crate::programs::{a_job, everything, two_tasks};

fn schema() -> Value {
    serde_json::from_str(include_str!("../../executor/trace/format.schema.json")).unwrap()
}

/// What is wrong with `value`, each with the way to it.
fn validate(root: &Value, schema: &Value, value: &Value, path: &str, wrong: &mut Vec<String>) {
    for (word, rule) in schema.as_object().unwrap() {
        let holds = match word.as_str() {
            "$ref" => {
                let name = rule.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                validate(root, &root["$defs"][name], value, path, wrong);
                true
            }
            "type" => match rule {
                Value::Array(kinds) => kinds.iter().any(|kind| is_a(value, kind)),
                kind => is_a(value, kind),
            },
            "const" => value == rule,
            "enum" => rule.as_array().unwrap().contains(value),
            "minimum" => value.as_i64() >= rule.as_i64(),
            "anyOf" => rule.as_array().unwrap().iter().any(|rule| {
                let mut inside = Vec::new();
                validate(root, rule, value, path, &mut inside);
                inside.is_empty()
            }),
            "required" => {
                let names = rule.as_array().unwrap();
                names.iter().all(|name| value.get(name.as_str().unwrap()).is_some())
            }
            "properties" => {
                for (name, rule) in rule.as_object().unwrap() {
                    if let Some(field) = value.get(name) {
                        validate(root, rule, field, &format!("{path}.{name}"), wrong);
                    }
                }
                true
            }
            "additionalProperties" => {
                let known = schema["properties"].as_object().unwrap();
                value.as_object().is_some_and(|map| map.keys().all(|key| known.contains_key(key)))
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    validate(root, rule, item, &format!("{path}[{index}]"), wrong);
                }
                true
            }
            "prefixItems" => {
                let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
                for (index, (item, rule)) in items.iter().zip(rule.as_array().unwrap()).enumerate()
                {
                    validate(root, rule, item, &format!("{path}[{index}]"), wrong);
                }
                items.len() <= rule.as_array().unwrap().len()
            }
            "description" | "title" | "$schema" | "$defs" => true,
            other => panic!("the validator does not know `{other}`"),
        };
        if !holds {
            wrong.push(format!("{path}: {word} {rule}, and it is {value}"));
        }
    }
}

fn is_a(value: &Value, kind: &Value) -> bool {
    match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "null" => value.is_null(),
        other => panic!("the validator does not know the type `{other}`"),
    }
}

/// Also holds every step against the fields of its event, all of them and no others.
fn wrongs(trace: &Value) -> Vec<String> {
    let schema = schema();
    let mut wrong = Vec::new();
    validate(&schema, &schema, trace, "trace", &mut wrong);
    for step in trace["steps"].as_array().unwrap() {
        let name = step["ev"].as_str().unwrap();
        let Some(fields) = schema["$defs"]["event"][name].as_object() else {
            wrong.push(format!("`{name}` is no event"));
            continue;
        };
        for (field, rule) in fields {
            match step.get(field) {
                Some(value) => {
                    validate(&schema, rule, value, &format!("{name}.{field}"), &mut wrong)
                }
                None => wrong.push(format!("{name} has no {field}")),
            }
        }
        let of_every_step = ["n", "t", "turn", "ev", "at", "cause"];
        let known =
            |field: &String| fields.contains_key(field) || of_every_step.contains(&field.as_str());
        let unknown: Vec<_> =
            step.as_object().unwrap().keys().filter(|field| !known(field)).collect();
        if !unknown.is_empty() {
            wrong.push(format!("{name} has {unknown:?}"));
        }
    }
    wrong
}

#[test]
fn every_trace_is_as_the_schema_says() {
    for trace in [two_tasks(), everything(), a_job()] {
        let json = serde_json::from_str(&trace.to_json()).unwrap();
        assert_eq!(wrongs(&json), [] as [String; 0]);
    }
}

#[test]
fn what_is_not_as_the_schema_says_is_found() {
    let trace: Value = serde_json::from_str(&two_tasks().to_json()).unwrap();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut trace = trace.clone();
        change(&mut trace);
        wrongs(&trace).len()
    };
    assert_eq!(changed(&|trace| trace["version"] = 2.into()), 1);
    assert_eq!(changed(&|trace| trace["steps"][3]["ready"] = "one".into()), 2);
    assert_eq!(changed(&|trace| trace["steps"][3]["ev"] = "turn.starts".into()), 1);
    assert_eq!(changed(&|trace| drop(trace["meta"].as_object_mut().unwrap().remove("hash"))), 1);
    assert_eq!(changed(&|trace| trace["keys"][0]["state"]["phase"] = "asleep".into()), 1);
    assert_eq!(changed(&|trace| trace["steps"][3]["surprise"] = 1.into()), 1);
}

#[test]
fn the_schema_the_source_and_the_sentences_have_the_same_events() {
    let source = include_str!("../../executor/trace/event.rs");
    let renamed =
        source.split("pub enum TraceEvent").nth(1).unwrap().split("\n}\n").next().unwrap();
    let mut in_source: Vec<&str> =
        renamed.split("rename = \"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    in_source.sort_unstable();
    let schema = schema();
    let events: &Map<String, Value> = schema["$defs"]["event"].as_object().unwrap();
    let mut in_schema: Vec<&str> =
        events.keys().map(String::as_str).filter(|name| *name != "description").collect();
    in_schema.sort_unstable();
    assert_eq!(in_source, in_schema);
    let table: Value =
        serde_json::from_str(include_str!("../../executor/trace/page/sentences.json")).unwrap();
    for name in in_source {
        assert!(table["steps"].get(name).is_some(), "no sentence for {name}");
    }
}
