public import Observations

/// What happens at a simulated site, and when. Read from a file: docs/scenario.md.
public struct Scenario: Sendable, Hashable {
  /// What an event asks of a device.
  public enum Setting: Sendable, Hashable {
    /// The water stands at so many metres, reached in a straight line over this time.
    case level(metres: Double, over: TimeSpan)
    /// Answers nothing (true) or again (false).
    case silent(Bool)
    /// Answers with broken checksums (true) or whole again (false).
    case garbled(Bool)
    /// Answers each request with this Modbus exception; 0 ends it.
    case exception(UInt8)
    /// The distance sensor hears no echo, until the next level.
    case noTarget
    /// The contact is wet or dry.
    case wet(Bool)
    /// The bucket tips so often, spread over this time.
    case tips(Int, over: TimeSpan)
    /// A tag is heard from now on at this strength in dBm; nil: it has gone.
    case tag(name: String, signal: Int8?)
    /// The satellite receiver knows where it is (true) or not.
    case fix(Bool)
    /// The satellite receiver is here, in degrees; north and east are positive.
    case position(latitude: Double, longitude: Double)
    /// The port is pulled out (true) or plugged in (false).
    case unplugged(Bool)
  }

  /// One event: after so long, this device does that.
  public struct Event: Sendable, Hashable {
    public var at: TimeSpan
    /// A sensor of the configuration, or for `unplugged` a port.
    public var device: String
    public var setting: Setting

    public init(at: TimeSpan, device: String, setting: Setting) {
      self.at = at
      self.device = device
      self.setting = setting
    }
  }

  /// A tag that events may bring near a receiver.
  public struct Tag: Sendable, Hashable {
    public var name: String
    public var format: TagFormat
    /// What the tag transmits, as its format has it: 20 bytes of iBeacon or AltBeacon, 16 of Eddystone, 5 of LINE.
    public var identifier: [UInt8]
    /// From one advertisement to the next.
    public var interval: TimeSpan

    public init(name: String, format: TagFormat, identifier: [UInt8], interval: TimeSpan) {
      self.name = name
      self.format = format
      self.identifier = identifier
      self.interval = interval
    }
  }

  /// How long the site is played.
  public var duration: TimeSpan
  public var tags: [Tag]
  /// In the order of their times.
  public var events: [Event]

  public init(duration: TimeSpan, tags: [Tag], events: [Event]) {
    self.duration = duration
    self.tags = tags
    self.events = events.enumerated().sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }.map(\.element)
  }

  /// The same scenario played `speed` times as fast. The gateway's own times are not changed.
  public func played(atSpeed speed: Double) -> Scenario {
    func scaled(_ span: TimeSpan) -> TimeSpan { TimeSpan(nanoseconds: Int64(Double(span.nanoseconds) / speed)) }
    var faster = self
    faster.duration = scaled(duration)
    faster.events = events.map { event in
      var event = event
      event.at = scaled(event.at)
      switch event.setting {
      case .level(let metres, let over): event.setting = .level(metres: metres, over: scaled(over))
      case .tips(let count, let over): event.setting = .tips(count, over: scaled(over))
      default: break
      }
      return event
    }
    return faster
  }
}
