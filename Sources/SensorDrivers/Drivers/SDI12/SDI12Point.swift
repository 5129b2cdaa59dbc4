public import Observations

extension FaultCause {
  /// The device has nothing to say: it has measured nothing, or the measurement was aborted.
  public static let noData = FaultCause(rawValue: "no_data")
  /// The device sent fewer values than the configuration takes from it.
  public static let missingValue = FaultCause(rawValue: "missing_value")
  /// Another device answers than the one that is configured.
  public static let wrongDevice = FaultCause(rawValue: "wrong_device")
  /// The device wants more time for a measurement than it is given.
  public static let tooSlow = FaultCause(rawValue: "too_slow")
}

/// One value of one measurement of a device on an SDI-12 line.
///
/// Points with the same address and measurement share it: the device measures once for all of them.
public struct SDI12Point: Sendable, Hashable {
  public var sensor: SensorID
  public var quantity: Quantity
  public var address: SDI12Address
  public var measurement: SDI12Measurement
  /// Which of the measurement's values, counted from 1.
  public var value: Int
  /// The value in the quantity's unit is number × scale + offset.
  public var scale: Double
  public var offset: Double
  /// The grid of the measurements: a second or longer. Of points that share one, the shortest counts.
  public var every: TimeSpan
  /// How long a measurement may take, by the device's own word.
  public var longest: TimeSpan
  /// What the device must say of itself: the beginning of vendor, model and version. Nil: any device will do.
  public var identity: String?

  public init(
    sensor: SensorID, quantity: Quantity, address: SDI12Address, measurement: SDI12Measurement, value: Int = 1,
    scale: Double = 1, offset: Double = 0, every: TimeSpan, longest: TimeSpan = .seconds(30), identity: String? = nil
  ) {
    self.sensor = sensor
    self.quantity = quantity
    self.address = address
    self.measurement = measurement
    self.value = value
    self.scale = scale
    self.offset = offset
    self.every = every
    self.longest = longest
    self.identity = identity
  }
}

/// A measurement of one device with the sensors that take a value of it.
struct SDI12Task: Sendable {
  let measurement: SDI12Measurement
  /// Its place in the bus's list of devices.
  let device: Int
  var points: [SDI12Point]
  var every: TimeSpan
  var longest: TimeSpan
  /// The slot of its grid that waits to be measured.
  var due = MonotonicTime(nanoseconds: 0)
  /// The device measures on its own and is ready then, if it is doing so.
  var readyAt: MonotonicTime?
  /// How many values the device has promised, and what has come of them.
  var promised = 0
  var values: [Double] = []
  private var origin = MonotonicTime(nanoseconds: 0)

  init(_ point: SDI12Point, device: Int) {
    measurement = point.measurement
    self.device = device
    points = [point]
    every = max(point.every, .seconds(1))
    longest = point.longest
  }

  mutating func add(_ point: SDI12Point) {
    points.append(point)
    every = min(every, max(point.every, .seconds(1)))
    longest = max(longest, point.longest)
  }

  /// The port was opened: the grid begins anew.
  mutating func restart(at time: MonotonicTime) {
    origin = time
    due = time
    readyAt = nil
    values.removeAll(keepingCapacity: true)
  }

  /// This measurement is over: the next is at the first slot after `time`; slots that were missed are skipped.
  mutating func advance(after time: MonotonicTime) {
    readyAt = nil
    values.removeAll(keepingCapacity: true)
    let elapsed = max(time - origin, .zero).nanoseconds
    due = origin + TimeSpan(nanoseconds: (elapsed / every.nanoseconds + 1) * every.nanoseconds)
  }
}

/// Where one device of a line stands.
struct SDI12Device: Sendable {
  let address: SDI12Address
  var identity: String?
  /// It has said who it is since it was last silent.
  var isIdentified = false
  /// How many conversations in a row have failed.
  private(set) var failures = 0
  /// Left alone until then.
  private(set) var restsUntil: MonotonicTime?

  init(address: SDI12Address) {
    self.address = address
  }

  var isTrusted: Bool { failures == 0 }
  var needsIdentifying: Bool { identity != nil && !isIdentified }

  mutating func restart() {
    isIdentified = false
    answered()
  }

  mutating func answered() {
    failures = 0
    restsUntil = nil
  }

  /// A conversation has failed: 2 s of rest, doubled each time, at most 30 s. It may be another device when it is back.
  mutating func failed(at time: MonotonicTime) {
    failures = min(failures + 1, 1000)
    isIdentified = false
    restsUntil = time + min(.seconds(2) * (1 << Int64(min(failures - 1, 8))), .seconds(30))
  }
}
