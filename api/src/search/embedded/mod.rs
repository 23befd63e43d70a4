//! The embedded search index: tantivy, in a folder of this machine.
//!
//! The folder holds one folder for each index, and the file `current`, which names the one that is searched. What an index says of
//! itself stands in its last commit, so that it can never say more than it holds.

mod ask;
mod collect;
mod layout;
mod pages;
mod spelling;

use std::fmt;
use std::fs::{File, TryLockError};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tantivy::indexer::IndexWriterOptions;
use tantivy::schema::{IndexRecordOption, Value};
use tantivy::tokenizer::{TextAnalyzer, WhitespaceTokenizer};
use tantivy::{
    DocAddress, DocSet, Index, IndexReader, IndexWriter, ReloadPolicy, Searcher, TERMINATED, TantivyDocument, TantivyError, Term,
};
use tokio::sync::Semaphore;

use self::collect::{Counted, Deadline, FacetCounts};
use self::layout::{Layout, WORDS, facet_name};
use self::pages::Snapshots;
use super::{Engine, Found, Mark, Query, Refused, Result, Sample, SearchError, Target, Write};

/// How many bytes of entries are in memory before they are written.
const MEMORY: usize = 48 << 20;
/// What the names of the folders of indexes begin with; a number follows.
const NAME: &str = "index-";
/// How long a search may take, and how long it waits for room.
const LONGEST: Duration = Duration::from_secs(2);
/// The file that the process locks that keeps the index.
const LOCK: &str = "lock";
/// The file that names the index that is searched.
const CURRENT: &str = "current";

/// An embedded index.
#[derive(Debug)]
pub(super) struct Embedded {
    shared: Arc<Shared>,
    /// For searches at the same time.
    room: Arc<Semaphore>,
}

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    layout: Layout,
    current: RwLock<Option<Arc<Opened>>>,
    next: Mutex<Option<Arc<Opened>>>,
    snapshots: Snapshots,
    /// Locked by the one process that keeps the index, until it ends.
    lock: Mutex<Option<File>>,
}

/// An index whose folder is open.
struct Opened {
    name: String,
    index: Index,
    reader: IndexReader,
    /// Made when something is written for the first time: one process at a time has it.
    writer: Mutex<Option<IndexWriter>>,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("name", &self.name).finish_non_exhaustive()
    }
}

fn failed(error: impl fmt::Display) -> SearchError {
    SearchError::Failed(error.to_string())
}

impl From<TantivyError> for SearchError {
    fn from(error: TantivyError) -> Self {
        match error {
            TantivyError::LockFailure(..) => Self::Elsewhere,
            error => failed(error),
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Embedded {
    /// The index in this folder, which is made when something is written.
    pub(super) fn new(folder: &Path) -> Self {
        let shared = Shared {
            folder: folder.to_owned(),
            layout: Layout::new(),
            current: RwLock::default(),
            next: Mutex::default(),
            snapshots: Snapshots::default(),
            lock: Mutex::default(),
        };
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self { shared: Arc::new(shared), room: Arc::new(Semaphore::new(2 * cores)) }
    }

    /// Runs work on a thread where it may wait for the disk.
    fn run<T: Send + 'static>(&self, work: impl FnOnce(&Shared) -> Result<T> + Send + 'static) -> BoxFuture<'static, Result<T>> {
        let shared = Arc::clone(&self.shared);
        async move { tokio::task::spawn_blocking(move || work(&shared)).await.map_err(failed)? }.boxed()
    }
}

impl Embedded {
    /// Runs a search. It goes on when its asker is gone, so that it holds its own room and not only the asker's turn.
    fn run_search<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared, Deadline) -> Result<T> + Send + 'static,
    ) -> BoxFuture<'static, Result<T>> {
        let (shared, room) = (Arc::clone(&self.shared), Arc::clone(&self.room));
        async move {
            let room = tokio::time::timeout(LONGEST, room.acquire_owned()).await.ok().and_then(std::result::Result::ok);
            let room = room.ok_or_else(|| SearchError::Unavailable("too many searches at the same time".to_owned()))?;
            let search = move || {
                let found = work(&shared, Deadline::after(LONGEST));
                drop(room);
                found
            };
            tokio::task::spawn_blocking(search).await.map_err(failed)?
        }
        .boxed()
    }
}

impl Engine for Embedded {
    fn claim(&self) -> BoxFuture<'_, Result<()>> {
        self.run(Shared::keep)
    }

    fn name(&self) -> &'static str {
        "embedded"
    }

    fn search<'e>(&'e self, query: &'e Query) -> BoxFuture<'e, Result<Found>> {
        let query = query.clone();
        self.run_search(move |shared, deadline| shared.search(query, deadline))
    }

    fn suggest<'e>(&'e self, beginning: &'e str, limit: usize) -> BoxFuture<'e, Result<Vec<String>>> {
        let beginning = beginning.to_owned();
        self.run_search(move |shared, deadline| spelling::suggest(&shared.searcher()?, &shared.layout, &beginning, limit, deadline))
    }

    fn labels<'e>(&'e self, ids: &'e [i64]) -> BoxFuture<'e, Result<Vec<(i64, String)>>> {
        let ids = ids.to_vec();
        self.run(move |shared| shared.labels(&ids))
    }

    fn mark(&self, target: Target) -> BoxFuture<'_, Result<Option<Mark>>> {
        self.run(move |shared| shared.mark(target))
    }

    fn begin_next<'e>(&'e self, mark: &'e Mark) -> BoxFuture<'e, Result<()>> {
        let mark = mark.clone();
        self.run(move |shared| shared.begin_next(&mark))
    }

    fn write<'e>(&'e self, target: Target, writes: Vec<Write>, _: i64, mark: &'e Mark) -> BoxFuture<'e, Result<Vec<Refused>>> {
        let mark = mark.clone();
        self.run(move |shared| shared.write(target, &writes, &mark))
    }

    fn show(&self) -> BoxFuture<'_, Result<()>> {
        self.run(Shared::show)
    }

    fn swap(&self) -> BoxFuture<'_, Result<()>> {
        self.run(Shared::swap)
    }

    fn revisions(&self, after: i64, limit: usize) -> BoxFuture<'_, Result<Sample>> {
        self.run(move |shared| pages::revisions(&shared.searcher()?, &shared.layout, after, limit))
    }
}

impl Shared {
    /// Makes this process the one that keeps the index, unless another one is.
    fn keep(&self) -> Result<()> {
        let mut lock = locked(&self.lock);
        if lock.is_none() {
            std::fs::create_dir_all(&self.folder).map_err(|error| failed(format!("{}: {error}", self.folder.display())))?;
            let file = File::options().create(true).truncate(false).write(true).open(self.folder.join(LOCK)).map_err(failed)?;
            file.try_lock().map_err(|error| match error {
                TryLockError::WouldBlock => SearchError::Elsewhere,
                TryLockError::Error(error) => failed(format!("{} cannot be locked: {error}", self.folder.display())),
            })?;
            *lock = Some(file);
        }
        Ok(())
    }

    /// The index that is searched; opened when the file `current` names another one than before.
    fn current(&self) -> Result<Option<Arc<Opened>>> {
        let opened = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        if opened.is_some() {
            return Ok(opened);
        }
        let Ok(name) = std::fs::read_to_string(self.folder.join(CURRENT)) else { return Ok(None) };
        let name = name.trim().to_owned();
        let opened = match self.open_index(&name) {
            Ok(opened) => Arc::new(opened),
            Err(error) => {
                tracing::warn!(%error, "the search index in {} cannot be read", self.folder.display());
                return Ok(None);
            }
        };
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&opened));
        Ok(Some(opened))
    }

    fn open_index(&self, name: &str) -> Result<Opened> {
        let index = Index::open_in_dir(self.folder.join(name))?;
        if index.schema() != self.layout.schema {
            return Err(failed("it has another layout"));
        }
        Opened::of(name.to_owned(), index)
    }

    fn searcher(&self) -> Result<Searcher> {
        let current = self.current()?.ok_or_else(|| SearchError::Unavailable("the search index is being made".to_owned()))?;
        Ok(current.reader.searcher())
    }

    fn target(&self, target: Target) -> Result<Option<Arc<Opened>>> {
        match target {
            Target::Current => self.current(),
            Target::Next => Ok(locked(&self.next).clone()),
        }
    }

    fn search(&self, mut query: Query, deadline: Deadline) -> Result<Found> {
        let begin = self.snapshots.begin(&query, || self.searcher())?;
        let corrected = spelling::correct(&begin.searcher, &self.layout, &mut query, deadline)?;
        let query = &query;
        let asked = self.layout.query(query, None);
        // Of a facet by which the search is narrowed, hits are counted as if it were not.
        let (narrowed, others): (Vec<&'static str>, Vec<&'static str>) =
            query.facets.iter().partition(|facet| query.filters.iter().any(|filter| filter.facet == **facet));
        let fields = others.iter().map(|facet| facet_name(facet)).collect();
        let page = pages::page(&begin, query, &*asked, fields, deadline)?;
        let mut facets: Vec<(&'static str, Vec<(String, u64)>)> = Vec::new();
        for (facet, counts) in others.into_iter().zip(page.counts) {
            facets.push((facet, collect::most_frequent(&counts, query.facet_values)?));
        }
        for facet in narrowed {
            let asked = self.layout.query(query, Some(facet));
            let counts = deadline.search(&begin.searcher, &*asked, FacetCounts { fields: vec![facet_name(facet)] })?;
            let counts: Vec<Counted> = counts.into_iter().flatten().collect();
            facets.push((facet, collect::most_frequent(&counts, query.facet_values)?));
        }
        facets.sort_by_key(|(facet, _)| query.facets.iter().position(|asked| asked == facet));
        let next = page.next.map(|after| self.snapshots.keep(&begin, query, &after));
        Ok(Found { ids: page.ids, total: page.total, facets, next, corrected })
    }

    fn labels(&self, ids: &[i64]) -> Result<Vec<(i64, String)>> {
        // An index that is not there yet has no labels.
        let Some(current) = self.current()? else { return Ok(Vec::new()) };
        let searcher = current.reader.searcher();
        let mut labels = Vec::new();
        for id in ids {
            if let Some(address) = find(&searcher, &Term::from_field_i64(self.layout.id, *id))? {
                let document: TantivyDocument = searcher.doc(address)?;
                let label = document.get_first(self.layout.label).and_then(|value| value.as_str().map(str::to_owned));
                labels.push((*id, label.unwrap_or_default()));
            }
        }
        Ok(labels)
    }

    fn mark(&self, target: Target) -> Result<Option<Mark>> {
        match target {
            Target::Current => self.forget_replaced(),
            Target::Next => self.find_next()?,
        }
        let Some(opened) = self.target(target)? else { return Ok(None) };
        let Ok(metas) = opened.index.load_metas() else {
            // Its folder is gone.
            match target {
                Target::Current => *self.current.write().unwrap_or_else(PoisonError::into_inner) = None,
                Target::Next => *locked(&self.next) = None,
            }
            return Ok(None);
        };
        Ok(metas.payload.and_then(|payload| serde_json::from_str(&payload).ok()))
    }

    /// Opens the index that was being made when the process ended.
    fn find_next(&self) -> Result<()> {
        let mut next = locked(&self.next);
        if next.is_some() {
            return Ok(());
        }
        let current = self.current()?.map(|current| current.name.clone());
        // An older one was replaced, and only not removed yet.
        let mut names = self.names().into_iter().filter(|name| current.as_ref().is_none_or(|current| name > current));
        *next = names.find_map(|name| self.open_index(&name).ok()).map(Arc::new);
        Ok(())
    }

    /// The names of the folders of indexes.
    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let names = entries.filter(|entry| entry.path().is_dir()).filter_map(|entry| entry.file_name().into_string().ok());
        // What else lies in the folder is not ours.
        names.filter(|name| name.strip_prefix(NAME).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))).collect()
    }

    fn begin_next(&self, mark: &Mark) -> Result<()> {
        self.keep()?;
        let mut next = locked(&self.next);
        *next = None;
        let current = self.current()?.map(|current| current.name.clone());
        for name in self.names().into_iter().filter(|name| Some(name) != current.as_ref()) {
            std::fs::remove_dir_all(self.folder.join(name)).map_err(failed)?;
        }
        let name = format!("{NAME}{}", chrono::Utc::now().timestamp_micros());
        let folder = self.folder.join(&name);
        std::fs::create_dir_all(&folder).map_err(failed)?;
        let index = Index::create_in_dir(&folder, self.layout.schema.clone())?;
        let opened = Opened::of(name, index)?;
        opened.write(|_| Ok(()), mark)?;
        *next = Some(Arc::new(opened));
        Ok(())
    }

    fn write(&self, target: Target, writes: &[Write], mark: &Mark) -> Result<Vec<Refused>> {
        self.keep()?;
        let opened = self.target(target)?.ok_or_else(|| SearchError::Unavailable("the search index is gone".to_owned()))?;
        opened.write(
            |writer| {
                // A new index that goes through the rows has none of them yet.
                let is_scanning = target == Target::Next && mark.scanned.is_some();
                for write in writes {
                    if !is_scanning {
                        writer.delete_term(Term::from_field_i64(self.layout.id, write.id()));
                    }
                    if let Write::Put(entry) = write {
                        writer.add_document(self.layout.document(entry))?;
                    }
                }
                Ok(())
            },
            mark,
        )?;
        Ok(Vec::new())
    }

    fn show(&self) -> Result<()> {
        self.forget_replaced();
        if let Some(current) = self.current()? {
            current.reader.reload()?;
        }
        Ok(())
    }

    /// Lets go of an index in whose stead another process has put a new one.
    fn forget_replaced(&self) {
        let name = std::fs::read_to_string(self.folder.join(CURRENT)).unwrap_or_default();
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_some_and(|opened| opened.name != name.trim()) {
            *current = None;
        }
    }

    fn swap(&self) -> Result<()> {
        let next = locked(&self.next).take().ok_or_else(|| failed("there is no new index"))?;
        next.reader.reload()?;
        let (written, file) = (self.folder.join("current.new"), self.folder.join(CURRENT));
        std::fs::write(&written, &next.name).and_then(|()| std::fs::rename(&written, &file)).map_err(failed)?;
        let old = self.current.write().unwrap_or_else(PoisonError::into_inner).replace(next);
        if let Some(old) = old {
            drop(locked(&old.writer).take());
            // Searches that are under way keep its files open.
            if let Err(error) = std::fs::remove_dir_all(self.folder.join(&old.name)) {
                tracing::warn!(%error, "the old search index cannot be removed");
            }
        }
        Ok(())
    }
}

impl Opened {
    fn of(name: String, index: Index) -> Result<Self> {
        index.tokenizers().register(WORDS, TextAnalyzer::from(WhitespaceTokenizer::default()));
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).doc_store_cache_num_blocks(16).try_into()?;
        Ok(Self { name, index, reader, writer: Mutex::default() })
    }

    /// Changes the index, in one commit that holds what it says of itself. What fails is taken back.
    fn write(&self, change: impl FnOnce(&IndexWriter) -> Result<()>, mark: &Mark) -> Result<()> {
        let mut writer = locked(&self.writer);
        let writer = match &mut *writer {
            Some(writer) => writer,
            None => {
                let options =
                    IndexWriterOptions::builder().memory_budget_per_thread(MEMORY).num_worker_threads(1).num_merge_threads(1).build();
                writer.insert(self.index.writer_with_options(options)?)
            }
        };
        let payload = serde_json::to_string(mark).map_err(failed)?;
        let written = change(writer).and_then(|()| {
            let mut commit = writer.prepare_commit()?;
            commit.set_payload(&payload);
            commit.commit()?;
            Ok(())
        });
        if written.is_err() {
            writer.rollback()?;
        }
        written
    }
}

/// The entry with this term, if one lives.
fn find(searcher: &Searcher, term: &Term) -> Result<Option<DocAddress>> {
    for (ordinal, segment) in (0..).zip(searcher.segment_readers()) {
        let index = segment.inverted_index(term.field())?;
        let Some(mut postings) = index.read_postings(term, IndexRecordOption::Basic).map_err(failed)? else { continue };
        while postings.doc() != TERMINATED {
            if !segment.is_deleted(postings.doc()) {
                return Ok(Some(DocAddress::new(ordinal, postings.doc())));
            }
            postings.advance();
        }
    }
    Ok(None)
}
