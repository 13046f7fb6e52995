//! What was parsed before.

use std::collections::BTreeMap;
use std::rc::Rc;

use backstay_gotemplate::{Compatibility, Desk, Draft, FunctionTable, Parsed, Text, helm_functions};

use crate::by_length::ByLength;
use crate::render::RenderError;
use crate::trace;

/// Parsed templates, to render the same chart again without parsing it again.
#[derive(Debug, Default)]
pub struct TemplateCache {
    parsed: BTreeMap<String, (Text, Parsed)>,
    /// The same by what is written in them: subcharts bring the same library again and again.
    texts: BTreeMap<ByLength<Text>, Parsed>,
    functions: Option<(Compatibility, Rc<FunctionTable>)>,
}

impl TemplateCache {
    /// What templates may call. What was parsed for another Helm is forgotten.
    pub fn functions(&mut self, compatibility: Compatibility) -> Rc<FunctionTable> {
        match &self.functions {
            Some((of, table)) if *of == compatibility => table.clone(),
            _ => {
                let table = Rc::new(helm_functions(compatibility));
                self.parsed.clear();
                self.texts.clear();
                self.functions = Some((compatibility, table.clone()));
                table
            }
        }
    }

    pub(crate) fn parse(
        &mut self,
        file: &str,
        source: &Text,
        functions: &FunctionTable,
    ) -> Result<Parsed, RenderError> {
        if let Some(parsed) = self.known(file, source) {
            return Ok(parsed.clone());
        }
        if let Some(parsed) =
            self.texts.get(&ByLength(source.clone())).and_then(|parsed| parsed.renamed(file))
        {
            self.parsed.insert(file.to_owned(), (source.clone(), parsed.clone()));
            return Ok(parsed);
        }
        let draft = Draft::new(file, source, functions, &mut Desk::default()).map_err(|error| {
            RenderError::Parse {
                file: file.to_owned(),
                text: trace::reformat_parse_error(file, &error.to_string()),
            }
        })?;
        Ok(self.learn(file, source, draft))
    }

    /// This file, where it was parsed already.
    pub(crate) fn known(&self, file: &str, source: &Text) -> Option<&Parsed> {
        let (known, parsed) = self.parsed.get(file)?;
        (Rc::ptr_eq(known, source) || known == source).then_some(parsed)
    }

    /// Keeps a file that was just parsed.
    pub(crate) fn learn(&mut self, file: &str, source: &Text, draft: Draft) -> Parsed {
        let parsed = Parsed::of(draft, source.clone());
        self.parsed.insert(file.to_owned(), (source.clone(), parsed.clone()));
        // Texts that no file has any more are forgotten now and then.
        if self.texts.len() > 2 * self.parsed.len() {
            self.texts.clear();
        }
        self.texts.insert(ByLength(source.clone()), parsed.clone());
        parsed
    }
}
