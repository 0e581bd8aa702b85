//! redis, the client: a connection over a stream of ours, shared by many tasks.
//!
//! The server is a page of this file. It speaks as much of Redis' protocol as the client needs.

use std::collections::HashMap;
use std::io;

use futures_lite::io::BufReader;
use futures_lite::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands, AsyncConnectionConfig, RedisConnectionInfo};
use roundelay::{TcpStream, gather_all, spawn};
use tokio_util::compat::FuturesAsyncReadCompatExt;

use crate::support::{on_a_loop, pair};

/// Answers GET, SET, INCR; says OK to all else.
async fn serve(stream: TcpStream) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut values = HashMap::<String, String>::new();
    while let Some(words) = read_command(&mut stream).await? {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let answer = match words[..] {
            ["GET", key] => match values.get(key) {
                Some(value) => format!("${}\r\n{value}\r\n", value.len()),
                None => "$-1\r\n".to_owned(),
            },
            ["SET", key, value] => {
                values.insert(key.to_owned(), value.to_owned());
                "+OK\r\n".to_owned()
            }
            ["INCRBY", key, by] => {
                let number = values.get(key).map_or(0, |value| value.parse::<i64>().unwrap());
                let number = number + by.parse::<i64>().unwrap();
                values.insert(key.to_owned(), number.to_string());
                format!(":{number}\r\n")
            }
            _ => "+OK\r\n".to_owned(),
        };
        stream.get_mut().write_all(answer.as_bytes()).await?;
    }
    Ok(())
}

/// An array of strings; `None` at the end of the stream.
async fn read_command(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Vec<String>>> {
    let Some(count) = read_number(stream, '*').await? else { return Ok(None) };
    let mut words = Vec::new();
    for _ in 0..count {
        let Some(length) = read_number(stream, '$').await? else { return Ok(None) };
        let mut word = vec![0; length + 2];
        stream.read_exact(&mut word).await?;
        word.truncate(length);
        words.push(String::from_utf8(word).map_err(io::Error::other)?);
    }
    Ok(Some(words))
}

/// A line with a number behind this sign.
async fn read_number(stream: &mut BufReader<TcpStream>, sign: char) -> io::Result<Option<usize>> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let number = line.strip_prefix(sign).and_then(|number| number.trim_end().parse().ok());
    number.map(Some).ok_or_else(|| io::Error::other(format!("what is {line:?}?")))
}

#[test]
fn redis_commands_of_many_tasks_share_one_connection() {
    let sum = on_a_loop(async || {
        let (here, there) = pair().await;
        let server = spawn(serve(here));
        // A limit on answers would count on a clock of its own.
        let settings = AsyncConnectionConfig::new().set_response_timeout(None);
        let (mut client, connection) = MultiplexedConnection::new_with_config(
            &RedisConnectionInfo::default(),
            there.compat(),
            settings,
        )
        .await
        .unwrap();
        let connection = spawn(connection);

        let missing: Option<String> = client.get("name").await.unwrap();
        assert_eq!(missing, None);
        let () = client.set("name", "ada").await.unwrap();
        let name: String = client.get("name").await.unwrap();
        assert_eq!(name, "ada");

        let commands = (0..100).map(|_| {
            let mut client = client.clone();
            async move { client.incr::<_, _, i64>("count", 1).await.unwrap() }
        });
        let counts = gather_all(commands).await;
        drop(client);
        connection.await.unwrap();
        server.await.unwrap().unwrap();
        counts.into_iter().map(Result::unwrap).sum::<i64>()
    });
    assert_eq!(sum, (1..=100).sum::<i64>());
}
