//! The engine that the tests use, what is in it, and an image with a relay.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use squall::target::container::engine::{self, Docker};
use squall::target::container::leftovers::LABEL;
use testcontainers::bollard::models::ContainerSummary;
use testcontainers::bollard::query_parameters::{
    ListContainersOptionsBuilder, ListImagesOptionsBuilder, ListNetworksOptions,
};
use tokio::runtime::Runtime;

/// What stands in an engine is compared, so one test at a time uses it.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

pub struct Engine {
    pub docker: Docker,
    pub runtime: Runtime,
    before: BTreeSet<String>,
    _alone: MutexGuard<'static, ()>,
}

impl Engine {
    /// The engine of this machine. Without one the test is skipped, unless `SQUALL_REQUIRE` names it.
    pub fn find() -> Option<Self> {
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let runtime = Runtime::new().unwrap();
        match runtime.block_on(engine::connect()) {
            Ok(docker) => {
                let before = runtime.block_on(everything(&docker));
                Some(Self {
                    docker,
                    runtime,
                    before,
                    _alone: alone,
                })
            }
            Err(error) => {
                crate::common::require("docker", &error.to_string());
                None
            }
        }
    }

    /// Whether squall runs one.
    pub fn has_container(&self) -> bool {
        !self.containers().is_empty()
    }

    /// Id of the only container that squall runs.
    pub fn container(&self) -> String {
        let containers = self.containers();
        assert_eq!(containers.len(), 1, "{containers:?}");
        containers[0].id.clone().unwrap()
    }

    fn containers(&self) -> Vec<ContainerSummary> {
        self.runtime.block_on(async {
            let filters = [("label".to_owned(), vec![LABEL.to_owned()])].into();
            let options = ListContainersOptionsBuilder::new().filters(&filters);
            self.docker
                .list_containers(Some(options.build()))
                .await
                .unwrap()
        })
    }

    /// Containers, images and networks are those that were there before.
    pub fn is_as_before(&self) {
        let start = Instant::now();
        loop {
            let now = self.runtime.block_on(everything(&self.docker));
            if now == self.before {
                return;
            }
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "{:?} were there before, and now there are {now:?}",
                self.before
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Every container, image and network.
async fn everything(docker: &Docker) -> BTreeSet<String> {
    let options = ListContainersOptionsBuilder::new().all(true).build();
    let containers = docker.list_containers(Some(options)).await.unwrap();
    let containers = containers
        .into_iter()
        .map(|container| format!("container {}", container.id.unwrap()));
    let options = ListImagesOptionsBuilder::new().all(true).build();
    let images = docker.list_images(Some(options)).await.unwrap();
    let images = images
        .into_iter()
        .map(|image| format!("image {} {:?}", image.id, image.repo_tags));
    let networks = docker
        .list_networks(None::<ListNetworksOptions>)
        .await
        .unwrap();
    let networks = networks
        .into_iter()
        .map(|network| format!("network {}", network.name.unwrap()));
    containers.chain(images).chain(networks).collect()
}

/// Makes `folder` one from which an image of the relay can be built: of the static executable that
/// `SQUALL_STATIC` names, or else of this very one with the libraries that it is linked to.
pub fn relay_image(folder: &Path) {
    let program =
        std::env::var("SQUALL_STATIC").unwrap_or_else(|_| env!("CARGO_BIN_EXE_squall").to_owned());
    match std::env::var("SQUALL_STATIC") {
        Ok(_) => println!("the image holds the static executable {program} alone"),
        Err(_) => println!("SQUALL_STATIC is not set: the image holds {program} and its libraries"),
    }
    let root = folder.join("root");
    std::fs::create_dir_all(root.join("tmp")).unwrap();
    stripped(&program, &root.join("squall"));
    for library in libraries(&program) {
        let inside = root.join(library.trim_start_matches('/'));
        std::fs::create_dir_all(inside.parent().unwrap()).unwrap();
        std::fs::copy(&library, inside).unwrap();
    }
    let dockerfile = "FROM scratch\nCOPY root/ /\nENTRYPOINT [\"/squall\", \"relay\"]\n";
    std::fs::write(folder.join("Dockerfile"), dockerfile).unwrap();
}

/// Copies an executable, where `strip` is there without what only a debugger reads: it is sent to the engine
/// and copied there for every image and container.
fn stripped(program: &str, to: &Path) {
    let done = Command::new("strip")
        .arg("-o")
        .arg(to)
        .arg(program)
        .status();
    if !done.is_ok_and(|status| status.success()) {
        std::fs::copy(program, to).unwrap();
    }
}

/// Paths of the libraries that a program loads; none for a static one.
fn libraries(program: &str) -> Vec<String> {
    let told = Command::new("ldd").arg(program).output().unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    told.split_whitespace()
        .filter(|word| word.starts_with('/'))
        .map(str::to_owned)
        .collect()
}
