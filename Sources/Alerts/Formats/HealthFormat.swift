public import Observations

/// How the gateway itself fares: what the heartbeat tells.
public struct HealthReport: Sendable {
  /// One sensor's liveness.
  public struct Sensor: Sendable, Hashable {
    /// What is known of it.
    public enum State: String, Sendable {
      case ok, faulty
      /// Nothing has been heard since the start, and not yet for too long.
      case unknown
    }

    public var id: SensorID
    public var state: State
    /// Why it is faulty; nil while it is not.
    public var fault: FaultCause?
    /// Since it was last heard; nil: never.
    public var age: TimeSpan?
    /// Readings that were not believed, by the word of their cause.
    public var rejected: [Counter]
    /// Of a rain gauge: the soil water index in millimetres, a reference.
    public var soilWaterIndex: Measure?

    public init(
      id: SensorID, state: State, fault: FaultCause?, age: TimeSpan?, rejected: [Counter] = [],
      soilWaterIndex: Measure? = nil
    ) {
      self.soilWaterIndex = soilWaterIndex
      self.id = id
      self.state = state
      self.fault = fault
      self.age = age
      self.rejected = rejected
    }
  }

  /// A name and a count that only rises within one boot.
  public struct Counter: Sendable, Hashable {
    /// Lower case, words joined by underscores.
    public var name: String
    /// How often it happened.
    public var count: UInt64

    public init(name: String, count: UInt64) {
      self.name = name
      self.count = count
    }
  }

  /// One port and what went through it.
  public struct Port: Sendable, Hashable {
    /// Whether it can be used.
    public enum State: String, Sendable {
      case open
      /// Being tried again, with a pause that grows.
      case retrying
    }

    /// Its name in the configuration.
    public var id: String
    public var state: State
    /// Why it is not open; nil while it is.
    public var fault: FaultCause?
    /// Of an output: whether it goes to its safe state even if the gateway is killed; nil: does not apply.
    public var guarded: Bool?
    /// Bytes, frames, checksum errors, … An open list.
    public var counters: [Counter]

    public init(id: String, state: State, fault: FaultCause?, guarded: Bool? = nil, counters: [Counter]) {
      self.id = id
      self.state = state
      self.fault = fault
      self.guarded = guarded
      self.counters = counters
    }
  }

  /// A bounded queue.
  public struct Queue: Sendable, Hashable {
    /// Lower case, words joined by underscores.
    public var name: String
    /// How much is in it now.
    public var length: Int
    /// How much it can hold.
    public var capacity: Int

    public init(name: String, length: Int, capacity: Int) {
      self.name = name
      self.length = length
      self.capacity = capacity
    }
  }

  /// How the gateway stands with its broker.
  public struct Broker: Sendable, Hashable {
    /// `first` or `fallback`: the one in use, or the last that was.
    public var inUse: String
    public var isConnected: Bool
    /// Connections after the first.
    public var reconnects: UInt64
    /// Why the last connection failed or ended, as a word; nil: none did.
    public var lastError: String?
    /// Why the broker last refused a message on this connection, as a word; nil: it refused none.
    public var lastRefusal: String?

    public init(inUse: String, isConnected: Bool, reconnects: UInt64, lastError: String?, lastRefusal: String?) {
      self.inUse = inUse
      self.isConnected = isConnected
      self.reconnects = reconnects
      self.lastError = lastError
      self.lastRefusal = lastRefusal
    }
  }

  /// When it was made.
  public var at: Moment
  /// All of them, in the configuration's order.
  public var sensors: [Sensor]
  public var ports: [Port]
  public var queues: [Queue]
  public var lanes: [Lane]
  public var storage: Storage?
  /// What was thrown away at each limit.
  public var drops: [Counter]
  /// Syncs of the ledger since the start.
  public var syncs: UInt64
  /// Syncs of the ledger within the last hour.
  public var syncsLastHour: UInt64
  /// The revision of the accepted watch list; nil: none.
  public var watchlistRevision: Int?
  /// Why the list that is offered is not used, as a word; nil: there is none, or it is used.
  public var watchlistRefusal: String?
  /// What came of signed commands since the start; nil: nobody may command here.
  public var commands: [Counter]?
  public var broker: Broker?
  /// The head of the stream `alert`. A person's never stands here.
  public var alertStream: StreamHead
  /// When the next heartbeat is late.
  public var nextExpectedBy: WallTime

  public init(
    at: Moment, sensors: [Sensor], ports: [Port], queues: [Queue], lanes: [Lane] = [], storage: Storage? = nil,
    drops: [Counter], syncs: UInt64,
    syncsLastHour: UInt64, watchlistRevision: Int?, watchlistRefusal: String? = nil, commands: [Counter]? = nil,
    broker: Broker? = nil, alertStream: StreamHead, nextExpectedBy: WallTime
  ) {
    self.lanes = lanes
    self.storage = storage
    self.broker = broker
    self.watchlistRefusal = watchlistRefusal
    self.commands = commands
    self.at = at
    self.sensors = sensors
    self.ports = ports
    self.queues = queues
    self.drops = drops
    self.syncs = syncs
    self.syncsLastHour = syncsLastHour
    self.watchlistRevision = watchlistRevision
    self.alertStream = alertStream
    self.nextExpectedBy = nextExpectedBy
  }
}

extension Formats {
  /// A heartbeat has at most so many bytes.
  public static let healthLimit = 8192

  /// The heartbeat: schema `mimamori.health/1`, at most `healthLimit` bytes.
  ///
  /// Where there is more to tell, detail is left out, the least needed first, and `omitted` names what.
  public func health(_ report: HealthReport) -> [UInt8] {
    for detail in HealthDetail.allCases {
      let bytes = health(report, detail)
      if bytes.count <= Self.healthLimit { return bytes }
    }
    return health(report, .countsOnly)
  }

  private func health(_ report: HealthReport, _ detail: HealthDetail) -> [UInt8] {
    var json = JSONWriter(capacity: Self.healthLimit)
    json.beginObject()
    json.member("schema", "mimamori.health/1")
    json.member("gateway", context.plan.gateway)
    json.member("version", context.version)
    json.member("time", text(report.at.wall))
    json.clockMembers(boot: context.boot, report.at)
    json.member("sensors_total", report.sensors.count)
    json.member("sensors_faulty", report.sensors.count { $0.state == .faulty })
    writeSensors(report, detail, into: &json)
    writePorts(report, detail, into: &json)
    json.key("queues")
    json.beginArray()
    for queue in detail.keepsQueues ? report.queues : [] {
      json.beginObject()
      json.member("name", queue.name)
      json.member("length", queue.length)
      json.member("capacity", queue.capacity)
      json.endObject()
    }
    json.endArray()
    if detail.keepsQueues { writeLanes(report, into: &json) }
    write(report.storage, into: &json)
    json.counters("drops", detail.keepsQueues ? report.drops : [])
    json.key("syncs")
    json.beginObject()
    json.member("total", report.syncs)
    json.member("last_hour", report.syncsLastHour)
    json.endObject()
    json.member("watchlist_revision", report.watchlistRevision)
    if let refusal = report.watchlistRefusal { json.member("watchlist_refusal", refusal) }
    if let commands = report.commands { json.counters("commands", commands) }
    if let broker = report.broker { json.brokerMember(broker) }
    json.streamMember(report.alertStream)
    json.member("next_expected_by", text(report.nextExpectedBy))
    json.key("omitted")
    json.beginArray()
    for omitted in detail.omitted { json.string(omitted) }
    json.endArray()
    json.endObject()
    return json.bytes
  }

  private func writeSensors(_ report: HealthReport, _ detail: HealthDetail, into json: inout JSONWriter) {
    json.key("sensors")
    json.beginArray()
    for sensor in detail.selection(of: report.sensors) {
      json.beginObject()
      json.member("id", sensor.id.text)
      json.member("state", sensor.state.rawValue)
      json.member("fault", sensor.fault?.rawValue)
      json.member("age_s", seconds: sensor.age)
      if let index = sensor.soilWaterIndex { json.member("soil_water_index", index) }
      if detail < .withoutRejections, !sensor.rejected.isEmpty { json.counters("rejected", sensor.rejected) }
      json.endObject()
    }
    json.endArray()
  }

  private func writePorts(_ report: HealthReport, _ detail: HealthDetail, into json: inout JSONWriter) {
    json.key("ports")
    json.beginArray()
    for port in detail < .withoutPorts ? report.ports : [] {
      json.beginObject()
      json.member("id", port.id)
      json.member("state", port.state.rawValue)
      json.member("fault", port.fault?.rawValue)
      if let guarded = port.guarded { json.member("guarded", guarded) }
      json.counters("counters", detail == .full ? port.counters : [])
      json.endObject()
    }
    json.endArray()
  }
}

/// How much of a health report is told, from everything to what always fits.
private enum HealthDetail: Int, CaseIterable, Comparable {
  case full, withoutPortCounters, withoutRejections, withoutPorts, withoutGoodSensors, fewFaultySensors, countsOnly

  var omitted: [String] {
    let names = [
      "port_counters", "rejected", "ports", "good_sensors", "other_faulty_sensors", "all_sensors", "queues", "drops",
    ]
    switch self {
    case .full: return []
    case .countsOnly: return names
    default: return Array(names.prefix(rawValue))
    }
  }

  var keepsQueues: Bool { self < .countsOnly }

  func selection(of sensors: [HealthReport.Sensor]) -> [HealthReport.Sensor] {
    switch self {
    case .full, .withoutPortCounters, .withoutRejections, .withoutPorts: sensors
    case .withoutGoodSensors: sensors.filter { $0.state != .ok }
    case .fewFaultySensors: Array(sensors.lazy.filter { $0.state == .faulty }.prefix(32))
    case .countsOnly: []
    }
  }

  static func < (left: HealthDetail, right: HealthDetail) -> Bool { left.rawValue < right.rawValue }
}

extension JSONWriter {
  fileprivate mutating func brokerMember(_ broker: HealthReport.Broker) {
    key("broker")
    beginObject()
    member("in_use", broker.inUse)
    member("connected", broker.isConnected)
    member("reconnects", broker.reconnects)
    member("last_error", broker.lastError)
    member("last_refusal", broker.lastRefusal)
    endObject()
  }

  fileprivate mutating func counters(_ name: String, _ counters: [HealthReport.Counter]) {
    key(name)
    beginObject()
    for counter in counters { member(counter.name, counter.count) }
    endObject()
  }
}
