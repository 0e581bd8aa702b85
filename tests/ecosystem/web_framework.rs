//! axum, through hyper: a tower service is one of hyper's.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use hyper_util::service::TowerToHyperService;
use roundelay::{HyperIo, HyperTimer, now, sleep, spawn};

use crate::support::{on_a_loop, pair, seconds};

type Served = State<Arc<AtomicUsize>>;

async fn greet(State(served): Served, Path(name): Path<String>) -> String {
    let number = served.fetch_add(1, Ordering::Relaxed) + 1;
    format!("hello, {name}: you are number {number}")
}

async fn add(Query(terms): Query<Vec<(String, i64)>>) -> Json<i64> {
    Json(terms.into_iter().map(|(_, term)| term).sum())
}

async fn reverse(Json(mut items): Json<Vec<String>>) -> Json<Vec<String>> {
    items.reverse();
    Json(items)
}

/// A handler must be `Send` for axum. What waits on this loop by a key is.
async fn later() -> String {
    let begin = now();
    sleep(seconds(3600)).await;
    format!("{} s later", (now() - begin).as_secs())
}

#[test]
fn axum_routes_extracts_and_answers_without_tokios_runtime() {
    let answers = on_a_loop(async || {
        let app = Router::new()
            .route("/greet/{name}", get(greet))
            .route("/add", get(add))
            .route("/reverse", post(reverse))
            .route("/later", get(later))
            .with_state(Arc::new(AtomicUsize::new(0)));
        let (here, there) = pair().await;
        let server = hyper::server::conn::http1::Builder::new()
            .timer(HyperTimer::new())
            .serve_connection(HyperIo::new(here), TowerToHyperService::new(app));
        let server = spawn(server);
        let (mut client, connection) =
            hyper::client::conn::http1::handshake(HyperIo::new(there)).await.unwrap();
        let connection = spawn(connection);
        let mut answers = Vec::new();
        for (method, path, body) in [
            ("GET", "/greet/ada", ""),
            ("GET", "/greet/grace", ""),
            ("GET", "/add?a=2&b=40", ""),
            ("POST", "/reverse", r#"["a","b","c"]"#),
            ("GET", "/nowhere", ""),
        ] {
            let request = Request::builder()
                .method(method)
                .uri(path)
                .header("content-type", "application/json")
                .body(Full::new(Bytes::from(body)))
                .unwrap();
            let response = client.send_request(request).await.unwrap();
            let status = response.status();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            answers.push((status, String::from_utf8(body.into()).unwrap()));
        }
        drop(client);
        connection.await.unwrap().unwrap();
        server.await.unwrap().unwrap();
        answers
    });
    let expected = [
        (StatusCode::OK, "hello, ada: you are number 1"),
        (StatusCode::OK, "hello, grace: you are number 2"),
        (StatusCode::OK, "42"),
        (StatusCode::OK, r#"["c","b","a"]"#),
        (StatusCode::NOT_FOUND, ""),
    ];
    assert_eq!(answers, expected.map(|(status, body)| (status, body.to_owned())));
}

#[test]
fn a_handler_of_axums_may_sleep_on_the_loops_clock() {
    use tower_service::Service;
    let answer = on_a_loop(async || {
        let mut app: Router = Router::new().route("/later", get(later));
        let request = Request::get("/later").body(axum::body::Body::empty()).unwrap();
        let response = app.call(request).await.unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(body.into()).unwrap()
    });
    assert_eq!(answer, "3600 s later");
}
