//! Server-sent events, as much of them as the controller sends: `id`, `event`, `data`, comments.

use futures_util::StreamExt as _;

use super::{Api, Call};

/// One event of a stream. `retry` lines are taken note of by nobody: the caller has a pause of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) id: Option<String>,
    pub(crate) event: Option<String>,
    pub(crate) data: String,
}

/// A longer line is not ours.
const MOST_LINE_BYTES: usize = 1 << 20;

/// Takes bytes as they come and gives whole messages.
#[derive(Debug, Default)]
struct Parser {
    rest: Vec<u8>,
    building: Message,
    has_data: bool,
    /// The last id of all, also of what carried no data.
    last_id: Option<String>,
}

impl Parser {
    fn push(&mut self, bytes: &[u8]) -> anyhow::Result<Vec<Message>> {
        self.rest.extend_from_slice(bytes);
        let mut whole = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            whole.extend(self.line(line.trim_end_matches(['\r', '\n'])));
        }
        anyhow::ensure!(
            self.rest.len() <= MOST_LINE_BYTES,
            "the event stream has a line of more than {MOST_LINE_BYTES} bytes"
        );
        Ok(whole)
    }

    fn line(&mut self, line: &str) -> Option<Message> {
        if line.is_empty() {
            let message = std::mem::take(&mut self.building);
            if message.id.is_some() {
                self.last_id.clone_from(&message.id);
            }
            return std::mem::take(&mut self.has_data).then_some(message);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => self.building.id = Some(value.to_owned()),
            "event" => self.building.event = Some(value.to_owned()),
            "data" => {
                if self.has_data {
                    self.building.data.push('\n');
                }
                self.building.data.push_str(value);
                self.has_data = true;
            }
            // A comment keeps the connection open; other fields are for later versions.
            _ => {}
        }
        None
    }
}

/// A stream of messages that is being read.
pub(crate) struct Messages<'a> {
    api: &'a Api,
    body: futures_util::stream::BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    parser: Parser,
    ready: std::collections::VecDeque<Message>,
}

impl<'a> Messages<'a> {
    pub(crate) async fn open(api: &'a Api, call: Call<'_>) -> anyhow::Result<Self> {
        let response = api.open(&call.header("accept", "text/event-stream")).await?;
        let body = response.bytes_stream().boxed();
        Ok(Self { api, body, parser: Parser::default(), ready: std::collections::VecDeque::new() })
    }

    /// Where the controller says that this stream is in its log, even if nothing of it was for us.
    pub(crate) fn last_id(&self) -> Option<&str> {
        self.parser.last_id.as_deref()
    }

    /// `None` where the controller ended the stream.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Option<Message>> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Ok(Some(message));
            }
            match self.body.next().await {
                None => return Ok(None),
                Some(Ok(bytes)) => self.ready.extend(self.parser.push(&bytes)?),
                Some(Err(error)) => return Err(self.api.unreachable(&error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_whole_however_the_bytes_are_cut() {
        let text = b": hello\n\nid: 7\nevent: job.succeeded\ndata: {\"a\":1}\r\n\r\ndata: x\ndata:y\n\nid: 9\n";
        let expected = [
            Message { id: Some("7".into()), event: Some("job.succeeded".into()), data: "{\"a\":1}".into() },
            Message { id: None, event: None, data: "x\ny".into() },
        ];
        for size in 1..text.len() {
            let mut parser = Parser::default();
            let messages: Vec<Message> = text.chunks(size).flat_map(|chunk| parser.push(chunk).unwrap()).collect();
            assert_eq!(messages, expected, "cut into pieces of {size}");
            assert_eq!(parser.last_id.as_deref(), Some("7"), "the last one is not whole");
        }
    }
}
