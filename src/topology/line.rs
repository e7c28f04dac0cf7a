//! Brings the line up, from the sink to the client.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use super::certificates::Certificates;
use super::target::{self, Surroundings};
use super::{
    CONTAINER_DEADLINE, READY_DEADLINE, RoleProcess, Stage, Topology, TopologyError, command,
};
use crate::netns::Door;
use crate::plan::secret::Secret;
use crate::plan::toxiproxy::ToxiproxyServer;
use crate::plan::windows::segments;
use crate::plan::{
    ContainerNetwork, LinkPlan, Place, Plan, Protocol, Resolve, RoleName, SINK_NAME, TargetKind,
    TargetPlan, Transport,
};
use crate::role::control::{
    ClientSetup, ExpectedProducer, LinkSetup, Ready, Setup, Sides, SinkSetup, TapSetup, Way,
};
use crate::role::target::subject::Trouble;
use crate::role::target::way;

/// Larger requests a tap does not read: what the sink takes is the sink's affair, and this much is
/// kept in memory for each connection at most.
const TAP_REQUEST_BYTES: u64 = 64 << 20;

/// The line while it comes up.
pub(super) struct Line<'a> {
    plan: &'a Plan,
    stage: Stage<'a>,
    evidence: PathBuf,
    expected: Vec<ExpectedProducer>,
    /// What stands behind the link of packets, where there is one: it is started through its far door.
    behind: BTreeSet<Place>,
    sides: Option<Box<Sides>>,
    /// Of the first hop, where a target is on it.
    front: Option<Certificates>,
    /// Of the hop to the sink.
    back: Option<Certificates>,
    /// Where each place that is up receives.
    receives: BTreeMap<Place, Ready>,
    links: BTreeMap<u8, (RoleProcess, Ready)>,
    targets: BTreeMap<u8, RoleProcess>,
    /// How targets on a bridge reach what follows them.
    ways: BTreeMap<Place, Way>,
    kept: target::Kept,
}

impl<'a> Line<'a> {
    /// Brings everything up.
    pub async fn up(
        plan: &'a Plan,
        stage: Stage<'a>,
        evidence: PathBuf,
        expected: Vec<ExpectedProducer>,
    ) -> Result<Topology, TopologyError> {
        let mut line = Self {
            plan,
            stage,
            evidence,
            expected,
            behind: behind(plan),
            sides: None,
            front: None,
            back: None,
            receives: BTreeMap::new(),
            links: BTreeMap::new(),
            targets: BTreeMap::new(),
            ways: BTreeMap::new(),
            kept: target::Kept::default(),
        };
        line.ground().await?;
        line.certify()?;
        let sink = line.sink().await?;
        for index in from_the_sink(plan) {
            line.way_from(index).await?;
            line.link_from(Place::Target(index)).await?;
            line.target(index).await?;
        }
        line.link_from(Place::Client).await?;
        let client = line.client().await?;
        Ok(line.finished(client, sink))
    }

    fn finished(self, client: RoleProcess, sink: RoleProcess) -> Topology {
        let mut targets = self.targets;
        for (index, target) in &mut targets {
            target.program = self.stage.programs.get(&RoleName::Target(*index)).copied();
        }
        let mut versions = BTreeMap::new();
        let mut links = Vec::new();
        for (_, (link, ready)) in self.links {
            versions.extend(ready.versions);
            links.push(link);
        }
        Topology {
            client,
            links,
            targets: targets.into_values().collect(),
            sink,
            reports: self.stage.reports,
            evidence: self.evidence,
            versions,
            run_folder: self.stage.run_folder.to_owned(),
            guard: None,
            _kept: self.kept,
        }
    }

    /// The link of packets, on which the others stand.
    async fn ground(&mut self) -> Result<(), TopologyError> {
        let of_packets = (0_u8..).zip(&self.plan.links);
        for (index, link) in of_packets.filter(|(_, link)| link.packets.is_some()) {
            let setup = Setup::Link(self.link_setup(index, link, String::new()));
            let role = RoleName::Link(index);
            let (process, ready) = self.stage.enter(role, setup, &[], None).await?;
            self.sides.clone_from(&ready.sides);
            self.links.insert(index, (process, ready));
        }
        Ok(())
    }

    fn certify(&mut self) -> Result<(), TopologyError> {
        let plan = self.plan;
        let faults = Certificates::faults(plan);
        let none = BTreeSet::new();
        let sink_address = self.address(Place::Sink);
        if plan.targets.is_empty() {
            self.back = Certificates::of(&plan.client.tls, sink_address, &faults)
                .map_err(TopologyError::Tls)?;
            return Ok(());
        }
        let first = plan.first_link().map_or(Place::Sink, |link| link.to);
        self.front = Certificates::of(&plan.client.tls, self.address(first), &none)
            .map_err(TopologyError::Tls)?;
        self.back =
            Certificates::of(&plan.sink.tls, sink_address, &faults).map_err(TopologyError::Tls)?;
        Ok(())
    }

    /// The address on which what stands there listens.
    fn address(&self, place: Place) -> IpAddr {
        let far = self.sides.as_ref().map(|sides| sides.sink_address);
        far.filter(|_| self.behind.contains(&place))
            .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }

    /// The door through which what stands there is started.
    fn door(&self, place: Place) -> Option<Door> {
        let sides = self.sides.as_ref()?;
        Some(match self.behind.contains(&place) {
            true => sides.sink.clone(),
            false => sides.client.clone(),
        })
    }

    async fn sink(&mut self) -> Result<RoleProcess, TopologyError> {
        let setup = Setup::Sink(Box::new(SinkSetup {
            sink: self.plan.sink.clone(),
            require: revealed(&self.plan.sink.require),
            seed: self.plan.seed,
            expected: self.expected.clone(),
            segments: segments(self.plan),
            tls: self.back.as_ref().map(Certificates::for_sink),
            listen: self.address(Place::Sink),
            evidence: self.evidence.clone(),
            resumes: None,
            content: self.plan.content.clone(),
            foreign: self.plan.is_command(),
        }));
        let door = self.door(Place::Sink);
        let (sink, ready) = self
            .stage
            .enter(RoleName::Sink, setup, &[], door.as_ref())
            .await?;
        self.receives.insert(Place::Sink, ready);
        Ok(sink)
    }

    fn link_setup(&self, index: u8, link: &LinkPlan, upstream: String) -> LinkSetup {
        LinkSetup {
            upstream,
            // The first link draws from the run's seed itself.
            seed: self.plan.seed.wrapping_add(u64::from(index)),
            buffer_bytes: link.buffer_bytes,
            packets: link.packets.clone(),
            toxiproxy: link.toxiproxy.clone(),
            dns: link.from == Place::Client && self.plan.client.resolve == Resolve::Dns,
            tap: link.tap.then(|| TapSetup {
                link: usize::from(index),
                expected: self.expected.clone(),
                max_request_bytes: TAP_REQUEST_BYTES,
                evidence: self.evidence.clone(),
            }),
            listen: self.listens_for(link),
        }
    }

    /// Finds out how a target on a bridge reaches this machine.
    async fn way_from(&mut self, index: u8) -> Result<(), TopologyError> {
        let target = self.plan.targets.get(usize::from(index));
        if target.is_some_and(TargetPlan::is_bridged) {
            let way = way::from_container(ContainerNetwork::Bridge).await;
            let way = way.map_err(|trouble| match trouble {
                Trouble::Refused { why, help } => TopologyError::Refused {
                    why,
                    help: Some(help),
                },
                Trouble::Failed(why) => TopologyError::Refused { why, help: None },
            })?;
            self.ways.insert(Place::Target(index), way);
        }
        Ok(())
    }

    /// Where a link has to listen. Where an external target exports to is for its operator to say.
    fn listens_for(&self, link: &LinkPlan) -> Option<String> {
        if let Some(way) = self.ways.get(&link.from) {
            return Some(SocketAddr::new(way.listen, 0).to_string());
        }
        let Place::Target(index) = link.from else {
            return None;
        };
        match &self.plan.targets.get(usize::from(index))?.kind {
            TargetKind::External(external) => external.returns_to.clone(),
            TargetKind::Process(_) | TargetKind::Container(_) => None,
        }
    }

    /// The links from there, to places that are up.
    async fn link_from(&mut self, from: Place) -> Result<(), TopologyError> {
        for (index, link) in (0_u8..).zip(&self.plan.links) {
            if link.from != from || self.links.contains_key(&index) {
                continue;
            }
            if let Some(ToxiproxyServer::Image(_)) = link.toxiproxy {
                self.stage.deadline = CONTAINER_DEADLINE;
            }
            let setup = Setup::Link(self.link_setup(index, link, self.receiver(link)));
            let door = self.door(from);
            let role = RoleName::Link(index);
            let link = self.stage.enter(role, setup, &[], door.as_ref()).await?;
            self.stage.deadline = READY_DEADLINE;
            self.links.insert(index, link);
        }
        Ok(())
    }

    /// Where what the link leads to receives, in the way in which it is spoken to.
    fn receiver(&self, link: &LinkPlan) -> String {
        let ready = self.receives.get(&link.to).cloned().unwrap_or_default();
        match self.transport(link.from) {
            Transport::Grpc => ready.grpc,
            Transport::Http => ready.http,
        }
    }

    /// How what stands there speaks to what follows it.
    fn transport(&self, from: Place) -> Transport {
        match from {
            Place::Target(index) => match self.plan.targets.get(usize::from(index)) {
                Some(target) => target.exports,
                None => Transport::Grpc,
            },
            Place::Client | Place::Sink => match self.plan.client.protocol {
                Protocol::Grpc => Transport::Grpc,
                Protocol::HttpProtobuf | Protocol::HttpJson => Transport::Http,
            },
        }
    }

    /// Where what stands there sends to: the links from it, or, across packets, what that leads to.
    fn destinations(&self, from: Place) -> Vec<String> {
        let links = (0_u8..).zip(&self.plan.links);
        links
            .filter(|(_, link)| link.from == from)
            .filter_map(|(index, link)| self.way_into(index, link))
            .collect()
    }

    /// Where a link is spoken to by what stands before it.
    fn way_into(&self, index: u8, link: &LinkPlan) -> Option<String> {
        if link.packets.is_some() {
            return Some(self.receiver(link));
        }
        let at = self.links.get(&index)?.1.grpc.clone();
        let Some(way) = self.ways.get(&link.from) else {
            return Some(at);
        };
        let (_, port) = at.rsplit_once(':')?;
        Some(format!("{}:{port}", way.host))
    }

    async fn target(&mut self, index: u8) -> Result<(), TopologyError> {
        let place = Place::Target(index);
        let Some(target) = self.plan.targets.get(usize::from(index)) else {
            return Ok(());
        };
        let is_first = self.plan.first_links().any(|(_, link)| link.to == place);
        // It has its certificate, and squall does not.
        let external = matches!(target.kind, TargetKind::External(_));
        let leads_to_sink = target.to == Some(Place::Sink);
        let surroundings = Surroundings {
            run_folder: self.stage.run_folder,
            index,
            address: self.address(place),
            behind_door: self.sides.is_some(),
            bridged: target.is_bridged(),
            export: self.destinations(place).pop(),
            front: self.front.as_ref().filter(|_| is_first && !external),
            back: self.back.as_ref().filter(|_| leads_to_sink),
        };
        let failed = |why: String| TopologyError::Target {
            name: target.name.clone(),
            why,
        };
        let (setup, ready) =
            target::setup(target, &surroundings, &mut self.kept).map_err(failed)?;
        let door = self.door(place);
        self.stage.deadline = target::deadline(target);
        let role = RoleName::Target(index);
        let setup = Setup::Target(Box::new(setup));
        let (process, _) = self.stage.enter(role, setup, &[], door.as_ref()).await?;
        self.stage.deadline = READY_DEADLINE;
        self.receives.insert(place, ready);
        self.targets.insert(index, process);
        Ok(())
    }

    /// How the client speaks to an external endpoint: by that one's own name, which is in its
    /// certificate, at the port of the link, to which the name leads.
    fn external(&self, link: &str, encrypted: bool) -> Option<(String, SocketAddr)> {
        let Place::Target(index) = self.plan.first_link()?.to else {
            return None;
        };
        let TargetKind::External(external) = &self.plan.targets.get(usize::from(index))?.kind
        else {
            return None;
        };
        let (host, _) = external.endpoint.rsplit_once(':')?;
        // In the clear an address says no more than the link's own does.
        if !encrypted && host.parse::<IpAddr>().is_ok() {
            return None;
        }
        let link: SocketAddr = link.parse().ok()?;
        let scheme = if encrypted { "https" } else { "http" };
        Some((format!("{scheme}://{host}:{}", link.port()), link))
    }

    async fn client(&mut self) -> Result<RoleProcess, TopologyError> {
        let plan = self.plan;
        let destinations = self.destinations(Place::Client);
        let certificates = match plan.targets.is_empty() {
            true => self.back.as_ref(),
            false => self.front.as_ref(),
        };
        let encrypted = certificates.is_some();
        // An external one is the only one.
        let only = destinations.first().map_or("", String::as_str);
        let external = self.external(only, encrypted);
        // Empty where no names are looked up.
        let name_server = self
            .links
            .get(&0)
            .and_then(|(_, ready)| ready.dns.parse().ok());
        let command = match &plan.client.command {
            Some(command) => {
                // Its own words for the link's address, whatever the name of what is behind that.
                let endpoint = endpoint(only, encrypted, Resolve::Address);
                let folder = self.stage.run_folder;
                let kept = &mut self.kept;
                let made =
                    command::setup(&plan.client, command, &endpoint, certificates, folder, kept);
                Some(made.map_err(TopologyError::Command)?)
            }
            None => None,
        };
        let setup = Setup::Client(Box::new(ClientSetup {
            seed: plan.seed,
            duration_ns: plan.run.duration_ns,
            miss_after_ns: plan.run.miss_after_ns,
            load: plan.load.clone(),
            client: plan.client.clone(),
            headers: revealed(&plan.client.headers),
            endpoints: match &external {
                Some((endpoint, _)) => vec![endpoint.clone()],
                None => destinations
                    .iter()
                    .map(|at| endpoint(at, encrypted, plan.client.resolve))
                    .collect(),
            },
            name_server,
            leads_to: external.map(|(_, link)| link),
            tls: certificates.map(Certificates::for_client),
            evidence: self.evidence.clone(),
            resumes: false,
            content: plan.content.is_some(),
            command,
        }));
        let sdk: Vec<(String, String)> = plan.client.sdk.clone().into_iter().collect();
        let door = self.door(Place::Client);
        let (client, _) = self
            .stage
            .enter(RoleName::Client, setup, &sdk, door.as_ref())
            .await?;
        Ok(client)
    }
}

/// Secrets for a role, which is told them over a pipe.
fn revealed(headers: &BTreeMap<String, Secret>) -> Vec<(String, String)> {
    let headers = headers.iter();
    headers
        .map(|(name, value)| (name.clone(), value.reveal().to_owned()))
        .collect()
}

/// Where it is spoken to. Beside this machine's own address users' certificates know `localhost`, so
/// an encrypted line there is spoken to by that name.
fn endpoint(destination: &str, encrypted: bool, resolve: Resolve) -> String {
    let (address, port) = destination.rsplit_once(':').unwrap_or((destination, ""));
    let scheme = if encrypted { "https" } else { "http" };
    let host = match (resolve, encrypted) {
        (Resolve::Dns, _) => SINK_NAME,
        (Resolve::Address, true) if address == "127.0.0.1" => "localhost",
        (Resolve::Address, _) => address,
    };
    format!("{scheme}://{host}:{port}")
}

/// What stands behind the link of packets: all that can be reached from its far end.
fn behind(plan: &Plan) -> BTreeSet<Place> {
    let of_packets = plan.links.iter().find(|link| link.packets.is_some());
    let mut behind: BTreeSet<Place> = of_packets.map(|link| link.to).into_iter().collect();
    loop {
        let more = plan.links.iter().filter(|link| behind.contains(&link.from));
        let more: BTreeSet<Place> = more.map(|link| link.to).collect();
        if more.is_subset(&behind) {
            return behind;
        }
        behind.extend(more);
    }
}

/// The targets in an order in which what each exports to comes before it.
fn from_the_sink(plan: &Plan) -> Vec<u8> {
    let mut order: Vec<u8> = Vec::new();
    // A circle, which no checked plan has, would leave some out.
    for _ in 0..plan.targets.len() {
        for (index, target) in (0_u8..).zip(&plan.targets) {
            let is_up = match target.to {
                Some(Place::Target(next)) => order.contains(&next),
                Some(Place::Sink | Place::Client) | None => true,
            };
            if is_up && !order.contains(&index) {
                order.push(index);
            }
        }
    }
    order
}
