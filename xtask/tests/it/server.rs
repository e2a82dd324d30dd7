//! A web server on loopback that can misbehave.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What the server gives for a path, and how.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) body: Vec<u8>,
    /// Whether `Range` is understood.
    pub(crate) ranges: bool,
    /// So many answers break off after so many bytes of the body.
    pub(crate) breaks: Option<(usize, usize)>,
    /// The answer's `ETag`.
    pub(crate) etag: &'static str,
}

impl Route {
    pub(crate) fn new(body: impl Into<Vec<u8>>) -> Route {
        Route { body: body.into(), ranges: true, breaks: None, etag: "\"one\"" }
    }

    pub(crate) fn without_ranges(self) -> Route {
        Route { ranges: false, ..self }
    }

    pub(crate) fn breaking(self, n_answers: usize, n_bytes: usize) -> Route {
        Route { breaks: Some((n_answers, n_bytes)), ..self }
    }
}

/// One request: its path, its `Range`, and the bytes of the body that were sent.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) range: Option<(usize, usize)>,
    pub(crate) n_sent: usize,
}

/// A server that lives as long as the test.
pub(crate) struct Server {
    port: u16,
    routes: Arc<Mutex<BTreeMap<String, Route>>>,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub(crate) fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Server { port, routes: Arc::default(), requests: Arc::default() };
        let (routes, requests) = (server.routes.clone(), server.requests.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (routes, requests) = (routes.clone(), requests.clone());
                // A client that goes away in the middle is no failure of the server's.
                thread::spawn(move || answer(&stream, &routes, &requests).unwrap_or_default());
            }
        });
        server
    }

    pub(crate) fn put(&self, path: &str, route: Route) {
        self.routes.lock().unwrap().insert(path.to_owned(), route);
    }

    /// Lists a file on the page of a project, and gives it.
    pub(crate) fn publish(&self, project: &str, file: &str, sha256: &str, route: Route) {
        self.put(&format!("/files/{file}"), route);
        let page = format!(
            r#"{{"files":[{{"filename":"{file}","url":"../../files/{file}","hashes":{{"sha256":"{sha256}"}}}}]}}"#
        );
        self.put(&format!("/simple/{project}/"), Route::new(page));
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) fn requests(&self, path: &str) -> Vec<Request> {
        let requests = self.requests.lock().unwrap();
        requests.iter().filter(|request| request.path == path).cloned().collect()
    }

    pub(crate) fn n_requests(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    pub(crate) fn n_sent(&self, path: &str) -> usize {
        self.requests(path).iter().map(|request| request.n_sent).sum()
    }
}

fn answer(
    mut stream: &TcpStream,
    routes: &Mutex<BTreeMap<String, Route>>,
    requests: &Mutex<Vec<Request>>,
) -> std::io::Result<()> {
    let (path, range) = read_request(stream)?;
    let route = take_route(&mut routes.lock().unwrap(), &path);
    let Some((route, limit)) = route else {
        requests.lock().unwrap().push(Request { path, range, n_sent: 0 });
        return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    };
    let range = range.filter(|_| route.ranges).map(|(start, end)| (start, end.min(route.body.len() - 1)));
    let (status, body) = match range {
        Some((start, end)) => ("206 Partial Content", &route.body[start..=end]),
        None => ("200 OK", &route.body[..]),
    };
    let (n_body, n_total, etag) = (body.len(), route.body.len(), route.etag);
    let content_range =
        range.map(|(start, end)| format!("Content-Range: bytes {start}-{end}/{n_total}\r\n")).unwrap_or_default();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {n_body}\r\nETag: {etag}\r\nConnection: close\r\n{content_range}"
    );
    let body = &body[..limit.unwrap_or(n_body).min(n_body)];
    requests.lock().unwrap().push(Request { path, range, n_sent: body.len() });
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    stream.write_all(body)
}

/// The route of a path and, if this answer is to break, after how many bytes.
fn take_route(routes: &mut BTreeMap<String, Route>, path: &str) -> Option<(Route, Option<usize>)> {
    let route = routes.get_mut(path)?;
    let limit = match &mut route.breaks {
        Some((n_answers, n_bytes)) if *n_answers > 0 => {
            *n_answers -= 1;
            Some(*n_bytes)
        }
        _ => None,
    };
    Some((route.clone(), limit))
}

fn read_request(stream: &TcpStream) -> std::io::Result<(String, Option<(usize, usize)>)> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().unwrap_or(Ok(String::new()))?;
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut range = None;
    for line in lines {
        let line = line?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some((start, end)) = line.strip_prefix("range: bytes=").and_then(|range| range.split_once('-')) {
            range = Some((start.parse().unwrap(), end.parse().unwrap()));
        }
    }
    Ok((path, range))
}
