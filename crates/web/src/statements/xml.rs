//! Elements one in another, as text: what camt.053 and OFX are made of.

use quick_xml::Writer;
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};

/// A document under construction. Writing into memory cannot fail.
pub(super) struct Xml {
    writer: Writer<Vec<u8>>,
}

impl Xml {
    /// A document that begins with this declaration.
    pub(super) fn new(declaration: &str) -> Self {
        let start = declaration.as_bytes().to_vec();
        Self { writer: Writer::new_with_indent(start, b' ', 1) }
    }

    /// An element with others in it.
    pub(super) fn element(&mut self, name: &str, inside: impl FnOnce(&mut Self)) {
        self.element_of(BytesStart::new(name), inside);
    }

    /// The same with a start tag that has attributes.
    pub(super) fn element_of(&mut self, start: BytesStart<'_>, inside: impl FnOnce(&mut Self)) {
        let end = start.to_end().into_owned();
        self.write(Event::Start(start));
        inside(self);
        self.write(Event::End(end));
    }

    /// An element with a text.
    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.text_of(BytesStart::new(name), text);
    }

    /// The same with a start tag that has attributes.
    pub(super) fn text_of(&mut self, start: BytesStart<'_>, text: &str) {
        let end: BytesEnd<'static> = start.to_end().into_owned();
        self.write(Event::Start(start));
        self.write(Event::Text(BytesText::new(&allowed(text))));
        self.write(Event::End(end));
    }

    /// The bytes.
    pub(super) fn finish(self) -> Vec<u8> {
        let mut bytes = self.writer.into_inner();
        bytes.push(b'\n');
        bytes
    }

    fn write(&mut self, event: Event<'_>) {
        let _ = self.writer.write_event(event);
    }
}

/// The text with the replacement character for what XML 1.0 (§2.2) does not allow, escaped or not.
fn allowed(text: &str) -> String {
    let good = |sign: char| {
        matches!(sign, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
            || sign >= '\u{10000}'
    };
    text.chars().map(|sign| if good(sign) { sign } else { '\u{fffd}' }).collect()
}

/// At most so many characters of a text.
pub(super) fn cut(text: &str, length_max: usize) -> String {
    text.chars().take(length_max).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_cannot_leave_their_element() {
        let mut xml = Xml::new("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        xml.element("a", |xml| {
            xml.text("b", "</b><c>&\"'\u{ffff}]]>");
            xml.text_of(BytesStart::new("d").with_attributes([("e", "\"<")]), "");
        });
        let text = String::from_utf8(xml.finish()).unwrap();
        let inside = "&lt;/b&gt;&lt;c&gt;&amp;&quot;&apos;\u{fffd}]]&gt;";
        let expect = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a>\n <b>{inside}</b>\n \
             <d e=\"&quot;&lt;\"></d>\n</a>\n"
        );
        assert_eq!(text, expect);
    }
}
