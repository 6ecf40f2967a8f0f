//! What rdkafka hides: the member id and generation behind group metadata, a topic's id, and showing a token before the
//! first poll; and the end of a process whose clients still run.
//!
//! The only file with `unsafe`. What asks a client takes a living one and gives back owned values.
#![expect(
    unsafe_code,
    reason = "rdkafka wraps neither group metadata's fields nor DescribeTopics, and sets a token only while it polls; the standard library has no `_exit`"
)]

use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::client::{Client, OAuthToken};
use rdkafka_sys as sys;
use rdkafka_sys::types::RDKafkaErrorCode;

/// Ends the process at once, without the C library's clearing up.
///
/// Threads of clients that wait for a broker may still run, and `exit` takes OpenSSL away under them: a process with
/// clients over TLS has ended with "double free or corruption" after it had come to rest.
pub fn end_process(code: u8) -> ! {
    unsafe extern "C" {
        fn _exit(status: c_int) -> !;
    }
    // SAFETY: it takes a number and does not come back.
    unsafe { _exit(c_int::from(code)) }
}

/// What the group knows this member by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Membership {
    /// Empty while the client is no member.
    pub(super) member_id: String,
    /// Negative while the client is no member.
    pub(super) generation: i32,
}

/// Of this very moment: librdkafka changes it on its own threads.
pub(super) fn membership<C: ClientContext>(client: &Client<C>) -> Membership {
    // SAFETY: the handle lives as long as `client`. The call gives a new object or null.
    let metadata = unsafe { sys::rd_kafka_consumer_group_metadata(client.native_ptr()) };
    if metadata.is_null() {
        return Membership { member_id: String::new(), generation: -1 };
    }
    // SAFETY: `metadata` is not null and alive until the destroy below; the member id points into it, and is copied
    // before that.
    unsafe {
        let membership = Membership {
            member_id: owned(sys::rd_kafka_consumer_group_metadata_member_id(metadata)),
            generation: sys::rd_kafka_consumer_group_metadata_generation_id(metadata),
        };
        sys::rd_kafka_consumer_group_metadata_destroy(metadata);
        membership
    }
}

/// How many events wait in a consumer's queue: messages, rebalances, log lines.
pub(super) fn queued<C: ClientContext>(client: &Client<C>) -> usize {
    // SAFETY: the handle lives as long as `client`. The call gives a new reference to the queue, or null where there is
    // no group; the reference is given back once, after its last use.
    unsafe {
        let queue = sys::rd_kafka_queue_get_consumer(client.native_ptr());
        if queue.is_null() {
            return 0;
        }
        let queued = sys::rd_kafka_queue_length(queue);
        sys::rd_kafka_queue_destroy(queue);
        queued
    }
}

/// Has the client show the token from now on. A client that is polled asks for the next one by itself.
///
/// # Errors
/// librdkafka does not take it.
pub(super) fn show_token<C: ClientContext>(client: &Client<C>, token: OAuthToken) -> Result<(), String> {
    let text = CString::new(token.token).map_err(|_| "the OAuth token holds a zero byte".to_owned())?;
    let principal = CString::new(token.principal_name).map_err(|_| "the principal holds a zero byte".to_owned())?;
    // librdkafka's words may hold the token, so they are not asked for.
    // SAFETY: the handle lives as long as `client`, both texts as long as the call, which copies them. No extensions
    // and no room for words are what null and 0 stand for.
    let code = unsafe {
        sys::rd_kafka_oauthbearer_set_token(
            client.native_ptr(),
            text.as_ptr(),
            token.lifetime_ms,
            principal.as_ptr(),
            ptr::null_mut(),
            0,
            ptr::null_mut(),
            0,
        )
    };
    let code = RDKafkaErrorCode::from(code);
    if code == RDKafkaErrorCode::NoError { Ok(()) } else { Err(format!("the OAuth token is not taken: {code}")) }
}

/// Why a topic's id is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TopicIdError {
    #[error("the broker refused to describe the topic: {0}")]
    Refused(RDKafkaErrorCode),
    #[error("no answer to the description of the topic")]
    NoAnswer,
}

/// The topic's UUID in Kafka's base64 form: another one once the topic was deleted and created again.
pub(super) fn topic_id<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    timeout: Duration,
) -> Result<String, TopicIdError> {
    let name = CString::new(topic).map_err(|_| TopicIdError::Refused(RDKafkaErrorCode::InvalidTopic))?;
    let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    let mut names: [*const c_char; 1] = [name.as_ptr()];
    let rk = client.native_ptr();
    // SAFETY: `rk` lives as long as `client`; `names` and `name` outlive the call that copies them. Queue, options and
    // collection are made here, are not null for these arguments, and are destroyed here once each. The request keeps
    // copies of what it needs and a reference of its own to the queue.
    let event = unsafe {
        let queue = sys::rd_kafka_queue_new(rk);
        let options = sys::rd_kafka_AdminOptions_new(rk, sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS);
        sys::rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, ptr::null_mut(), 0);
        let topics = sys::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len());
        sys::rd_kafka_DescribeTopics(rk, topics, options, queue);
        let event = sys::rd_kafka_queue_poll(queue, timeout_ms.saturating_add(1000));
        sys::rd_kafka_TopicCollection_destroy(topics);
        sys::rd_kafka_AdminOptions_destroy(options);
        sys::rd_kafka_queue_destroy(queue);
        event
    };
    if event.is_null() {
        return Err(TopicIdError::NoAnswer);
    }
    // SAFETY: `event` is not null and alive until the destroy below; everything that is read points into it, and is
    // copied before that.
    unsafe {
        let id = described(event);
        sys::rd_kafka_event_destroy(event);
        id
    }
}

/// # Safety
///
/// `event` must be a living event.
unsafe fn described(event: *mut sys::rd_kafka_event_t) -> Result<String, TopicIdError> {
    // SAFETY: `event` is alive. An event of another type gives a null result; a failed request gives no topics; an
    // array of `count` topics has a first element if `count` is not 0; the id belongs to the topic.
    unsafe {
        let code = RDKafkaErrorCode::from(sys::rd_kafka_event_error(event));
        if code != RDKafkaErrorCode::NoError {
            return Err(TopicIdError::Refused(code));
        }
        let result = sys::rd_kafka_event_DescribeTopics_result(event);
        if result.is_null() {
            return Err(TopicIdError::NoAnswer);
        }
        let mut count = 0;
        let topics = sys::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        if topics.is_null() || count == 0 {
            return Err(TopicIdError::NoAnswer);
        }
        let topic = *topics;
        let code = RDKafkaErrorCode::from(sys::rd_kafka_error_code(sys::rd_kafka_TopicDescription_error(topic)));
        if code != RDKafkaErrorCode::NoError {
            return Err(TopicIdError::Refused(code));
        }
        Ok(owned(sys::rd_kafka_Uuid_base64str(sys::rd_kafka_TopicDescription_topic_id(topic))))
    }
}

/// # Safety
///
/// `text` must be null or a C string.
unsafe fn owned(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: not null, and a C string by the contract of this function.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}
