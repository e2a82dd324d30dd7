//! The Python package index that this machine's pip uses, read as data: no package is installed, none of its code run.
//!
//! The page of a project is asked for in its JSON form (PEP 691).

use std::collections::BTreeMap;
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use ureq::ResponseExt;

use crate::net::Net;

const JSON: &str = "application/vnd.pypi.simple.v1+json";
const ASK_PIP: &str = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)";

/// A package index, found when it is first needed.
#[derive(Debug, Default)]
pub struct Index {
    url: Mutex<Option<String>>,
    pages: Mutex<BTreeMap<String, Vec<IndexFile>>>,
}

/// A file as a project's page lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexFile {
    /// The file's name, such as `torch-2.13.0-….whl`.
    pub name: String,
    /// Where it can be had.
    pub url: String,
    /// Its sha256, if the index knows it.
    pub sha256: Option<String>,
}

impl Index {
    /// The index at `url`, which ends before the project's name.
    #[must_use]
    pub fn at(url: &str) -> Index {
        Index { url: Mutex::new(Some(url.to_owned())), ..Index::default() }
    }

    /// The address of the index: `PIP_INDEX_URL`, else pip's setting, else pip's own default.
    ///
    /// # Errors
    /// No pip to ask, and no `PIP_INDEX_URL`.
    pub fn url(&self) -> Result<String> {
        // The lock is held while pip is asked, which takes a second: everybody else would ask the same.
        let mut url = self.url.lock().unwrap_or_else(PoisonError::into_inner);
        if url.is_none() {
            *url = Some(ask_machine()?);
        }
        Ok(url.clone().unwrap_or_default())
    }

    /// The file `name` of `project`.
    ///
    /// # Errors
    /// As [`Index::files`], and a file that is not there.
    pub fn find(&self, net: &Net, project: &str, name: &str) -> Result<IndexFile> {
        let files = self.files(net, project)?;
        let found = files.into_iter().find(|file| file.name == name);
        found.with_context(|| format!("the package index has no file {name} in project {project}"))
    }

    /// Every file of `project` that is not withdrawn.
    ///
    /// # Errors
    /// As [`Index::url`], and an index that cannot be reached, or answers with no JSON page.
    pub fn files(&self, net: &Net, project: &str) -> Result<Vec<IndexFile>> {
        if let Some(files) = self.pages.lock().unwrap_or_else(PoisonError::into_inner).get(project) {
            return Ok(files.clone());
        }
        let files = self.read_page(net, project)?;
        self.pages.lock().unwrap_or_else(PoisonError::into_inner).insert(project.to_owned(), files.clone());
        Ok(files)
    }

    fn read_page(&self, net: &Net, project: &str) -> Result<Vec<IndexFile>> {
        let url = format!("{}/{project}/", self.url()?.trim_end_matches('/'));
        let mut response = net.get(&url, &[("Accept", JSON)])?;
        let base = response.get_uri().to_string();
        let page = response.body_mut().with_config().limit(64 << 20).read_to_string()?;
        let page: Page = serde_json::from_str(&page).with_context(|| {
            format!(
                "the package index answers for {project} with no JSON page (PEP 691); name another by PIP_INDEX_URL"
            )
        })?;
        let kept = page.files.into_iter().filter(|file| !file.is_withdrawn());
        Ok(kept.map(|file| file.resolve(&base)).collect())
    }
}

#[derive(Deserialize)]
struct Page {
    files: Vec<PageFile>,
}

#[derive(Deserialize)]
struct PageFile {
    filename: String,
    url: String,
    #[serde(default)]
    hashes: BTreeMap<String, String>,
    #[serde(default)]
    yanked: serde_json::Value,
}

impl PageFile {
    fn is_withdrawn(&self) -> bool {
        matches!(&self.yanked, serde_json::Value::Bool(true) | serde_json::Value::String(_))
    }

    fn resolve(mut self, base: &str) -> IndexFile {
        let url = join(base, &self.url);
        IndexFile { name: self.filename, url, sha256: self.hashes.remove("sha256") }
    }
}

fn ask_machine() -> Result<String> {
    if let Some(url) = std::env::var("PIP_INDEX_URL").ok().filter(|url| !url.is_empty()) {
        return Ok(url);
    }
    if let Some(url) = pips_setting() {
        return Ok(url);
    }
    let default = ["python3", "python"].iter().find_map(|python| address(&run(&[python, "-c", ASK_PIP])?));
    let Some(url) = default else {
        bail!("no pip was found to ask for its package index: install Python's pip, or set PIP_INDEX_URL");
    };
    Ok(url)
}

/// What pip's configuration says, asked of the first pip that runs.
fn pips_setting() -> Option<String> {
    let pips: [&[&str]; 4] = [&["pip"], &["pip3"], &["python3", "-m", "pip"], &["python", "-m", "pip"]];
    for pip in pips {
        let Some(output) = run(&[pip, &["config", "get", "global.index-url"]].concat()) else { continue };
        if let Some(url) = address(&output) {
            return Some(url);
        }
        // A pip that works and knows no such key has answered.
        if String::from_utf8_lossy(&output.stderr).contains("No such key") {
            return None;
        }
    }
    None
}

fn run(command: &[&str]) -> Option<Output> {
    Command::new(command[0]).args(&command[1..]).stdin(Stdio::null()).output().ok()
}

/// The address that a command printed, if it ended well and printed one.
fn address(output: &Output) -> Option<String> {
    let text = String::from_utf8_lossy(&output.stdout);
    let text = text.trim();
    (output.status.success() && text.contains("://")).then(|| text.to_owned())
}

/// Resolves a link of a page at `base`, as RFC 3986 says for the forms that indexes use.
#[must_use]
pub fn join(base: &str, link: &str) -> String {
    let link = link.split('#').next().unwrap_or(link);
    if link.contains("://") {
        return link.to_owned();
    }
    let path_start = base.find("://").map_or(0, |at| at + 3);
    let path_start = base[path_start..].find('/').map_or(base.len(), |at| path_start + at);
    let (origin, path) = base.split_at(path_start);
    if link.starts_with('/') {
        return format!("{origin}{link}");
    }
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            ".." if parts.len() > 1 => drop(parts.pop()),
            "." | ".." => {}
            part => parts.push(part),
        }
    }
    format!("{origin}{}", parts.join("/"))
}
