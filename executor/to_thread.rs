//! stub
pub struct ToThread;
pub async fn to_thread<T>(f: impl FnOnce() -> T) -> std::io::Result<T> {
    Ok(f())
}
