//! Templates that are parsed while values are checked, where the host has more than one processor.

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use backstay_gotemplate::{Beside, Desk, Draft, FunctionTable, Text};

/// Below so many bytes of templates a thread costs more than it saves.
const WORTH_HELP: usize = 64 * 1024;

/// Files that are to be parsed.
pub(crate) struct Ahead<'a>(Vec<(&'a str, &'a Text)>);

impl<'a> Ahead<'a> {
    /// The files, each text once: subcharts bring the same library again and again.
    pub(crate) fn of(files: impl Iterator<Item = (&'a str, &'a Text)>) -> Self {
        let mut known = BTreeSet::new();
        Self(files.filter(|(_, source)| known.insert(&***source)).collect())
    }

    /// Parses them; those that are no templates are left out. `meanwhile` is done first, or at the same time.
    ///
    /// # Errors
    /// Those of `meanwhile`.
    pub(crate) fn parse<E>(
        self,
        functions: &FunctionTable,
        beside: Beside,
        meanwhile: &mut dyn FnMut() -> Result<(), E>,
    ) -> Result<impl Iterator<Item = (&'a str, &'a Text, Draft)>, E> {
        let jobs: Vec<(&str, &str)> = self.0.iter().map(|(file, source)| (*file, &***source)).collect();
        let drafts: Vec<OnceLock<Option<Draft>>> = jobs.iter().map(|_| OnceLock::new()).collect();
        let next = AtomicUsize::new(0);
        let work = || {
            let mut desk = Desk::default();
            let each = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
            let each = each.map_while(|number| jobs.get(number).zip(drafts.get(number)));
            for ((file, text), draft) in each {
                // Nobody else has this number.
                let _ = draft.set(Draft::new(file, text, functions, &mut desk).ok());
            }
        };
        let mut outcome = Ok(());
        let mut own = || {
            outcome = meanwhile();
            match &outcome {
                Ok(()) => work(),
                Err(_) => next.store(jobs.len(), Ordering::Relaxed),
            }
        };
        if jobs.iter().map(|(_, text)| text.len()).sum::<usize>() < WORTH_HELP {
            own();
        } else {
            beside(&work, &mut own);
        }
        outcome?;
        let parsed = self.0.into_iter().zip(drafts);
        Ok(parsed.filter_map(|((file, source), draft)| Some((file, source, draft.into_inner()??))))
    }
}
