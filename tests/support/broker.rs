//! One broker: started, taken away, brought back, cleared up.

use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use testcontainers::bollard::models::PortBinding;
use testcontainers::core::error::Result as ContainerResult;
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, ImageExt};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

use super::image::KafkaImage;
use super::kafka::Kafka;
use super::ports::free_port;
use super::reaper::Reaper;

/// A start takes 3 s, and of three brokers together a few more; the rest is for a machine that is busy with other things.
pub(super) const START_DEADLINE: Duration = Duration::from_mins(5);

/// Talks to the container engine for all tests: each test has a runtime of its own, and a connection that one of them
/// opened would end with it.
static ENGINE: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("the system grants a few threads"));

static SHARED: OnceCell<Broker> = OnceCell::const_new();

/// One Apache Kafka in a container, at one address for as long as it lives, stopped or not.
#[derive(Debug)]
pub(crate) struct Broker {
    container: Container,
    reaper: Reaper,
    kafka: Kafka,
}

/// The reaper removes the container and keeps its log, in any case; were this dropped, it would remove it first.
type Container = Arc<ManuallyDrop<ContainerAsync<KafkaImage>>>;

impl Broker {
    /// The broker that all tests of this binary share. Each brings topics, groups and transactional ids of its own, and
    /// none takes this broker away from the others.
    pub(crate) async fn shared() -> &'static Self {
        let broker = SHARED.get_or_init(Self::start).await;
        // The test runner shows this for failed tests only.
        println!("the broker's log, once the tests have ended: {}", broker.reaper.log().display());
        broker
    }

    /// A broker for one test alone, which may take it away. Gone when it is dropped.
    pub(crate) async fn start() -> Self {
        Self::start_with([]).await
    }

    /// As [`Self::start`], and its controller misses it only after five minutes: else a thaw begins with partitions that
    /// have no leader. Not for a broker that is killed: it would not be let in again before that.
    pub(crate) async fn start_to_be_frozen() -> Self {
        Self::start_with([("KAFKA_BROKER_SESSION_TIMEOUT_MS", "300000")]).await
    }

    async fn start_with<const N: usize>(settings: [(&'static str, &'static str); N]) -> Self {
        let port = free_port();
        let name = format!("{}-{port}", KafkaImage::NAME);
        let reaper = Reaper::watch(&name);
        let container = on_engine(async move {
            let image = KafkaImage::new(port);
            let request = image
                .with_container_name(&name)
                .with_mapped_port(port, image.port())
                .with_host_config_modifier(move |host| {
                    // Reachable from this machine alone: the broker asks nobody who they are.
                    let binding =
                        PortBinding { host_ip: Some("127.0.0.1".to_owned()), host_port: Some(port.to_string()) };
                    host.port_bindings = Some([(format!("{port}/tcp"), Some(vec![binding]))].into());
                })
                .with_startup_timeout(START_DEADLINE);
            let request = settings.iter().fold(request, |request, (key, value)| request.with_env_var(*key, *value));
            ContainerResult::Ok(Arc::new(ManuallyDrop::new(request.start().await?)))
        })
        .await
        .unwrap_or_else(|error| {
            panic!("no broker (run scripts/kafka-image for its image; its log: {}): {error}", reaper.log().display())
        });
        Self { container, reaper, kafka: Kafka::new(&[port]) }
    }

    /// Freezes the broker: connections stay open and nothing answers, as in a network that swallows packets.
    pub(crate) async fn pause(&self) {
        self.on_container(|container| async move { container.pause().await }).await;
    }

    /// Undoes [`Self::pause`].
    pub(crate) async fn unpause(&self) {
        self.on_container(|container| async move { container.unpause().await }).await;
        self.answers().await;
    }

    /// Kills the broker with SIGKILL: connections break and new ones are refused.
    pub(crate) async fn kill(&self) {
        self.on_container(|container| async move { container.stop_with_timeout(Some(0)).await }).await;
    }

    /// Starts it again after [`Self::kill`], on the same data and the same port.
    pub(crate) async fn restart(&self) {
        self.on_container(|container| async move { container.start().await }).await;
        self.answers().await;
    }

    async fn on_container<F, Fut>(&self, act: F)
    where
        F: FnOnce(Container) -> Fut,
        Fut: Future<Output = ContainerResult<()>> + Send + 'static,
    {
        on_engine(act(Arc::clone(&self.container))).await.expect("the container engine does as it is told");
    }
}

impl Deref for Broker {
    type Target = Kafka;

    fn deref(&self) -> &Kafka {
        &self.kafka
    }
}

pub(super) async fn on_engine<T: Send + 'static>(act: impl Future<Output = T> + Send + 'static) -> T {
    ENGINE.spawn(act).await.expect("the request to the container engine does not panic")
}
