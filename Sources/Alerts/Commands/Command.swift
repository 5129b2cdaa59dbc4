public import Observations

/// What an authority asks of the station. Its signature, its rights, its age and whom it is for have been looked at: here
/// is only what is to be done.
///
/// Ends are wall times, at most 24 hours ahead. As a command is taken its end becomes a moment of the monotonic clock, so
/// that a clock which is set afterwards neither prolongs nor shortens it. While the clock is not synchronized, whoever
/// makes the command gives it the gateway's own wall time plus the length that the authority meant.
public struct Command: Sendable, Hashable {
  /// What to do.
  public enum Action: Sendable, Hashable {
    /// Somebody has taken note of an alert and looks after it until then; `cause`: what it was found to be, if that is said.
    case acknowledge(AlertName, until: WallTime, cause: String? = nil)
    /// Silence this output, or every one for nil; `until` nil: silence no longer.
    case silence(OutputID?, until: WallTime?)
    /// Make alerts of an exercise or a test from injected readings.
    case rehearse(RehearsalPlan)
    /// End the exercise or the test of this sensor, or every one for nil.
    case endRehearsal(SensorID?)
    /// Somebody works at these sensors, or at the whole gateway for nil; `until` nil: nobody works there any more.
    case maintenance([SensorID]?, until: WallTime?)
    /// Tell wherever a person's tag is heard.
    case search(WatchSearch)
  }

  /// What an active alert is found by.
  public enum AlertName: Sendable, Hashable {
    /// Its id, as it was published.
    case id(String)
    /// What it is about; there is one at most. A recording names it so, since a replay gives other ids.
    case source(SensorID, AlertKind, AlertMode)
  }

  /// The command's id; it stands in the answer and nowhere else.
  public let id: String
  /// The `kid` of the authority that signed it.
  public let authority: String
  public let action: Action

  public init(id: String, authority: String, action: Action) {
    self.id = id
    self.authority = authority
    self.action = action
  }

  /// What is longer was not meant.
  public static let longest = TimeSpan.hours(24)
  /// The authority's clock may be so far ahead of the gateway's.
  static let clockTolerance = TimeSpan.seconds(60)
}

/// An exercise or a test of one sensor: what it is made to say, and until when.
public struct RehearsalPlan: Sendable, Hashable, Codable {
  /// From `offset` on the sensor says `value`, every ten seconds, until the next reading or the end.
  public struct Reading: Sendable, Hashable, Codable {
    /// Since the command was taken; 0 or more.
    public var offset: TimeSpan
    /// In the sensor's unit. Of a contact: 0 dry, anything else wet. Of a rain gauge: all that has fallen since the
    /// command was taken.
    public var value: Measure

    public init(offset: TimeSpan, value: Measure) {
      self.offset = offset
      self.value = value
    }
  }

  /// So many readings at most.
  public static let mostReadings = 500

  public var sensor: SensorID
  /// `exercise` or `test`.
  public var mode: AlertMode
  /// In the order of their offsets, the first at 0; at least one.
  public var readings: [Reading]
  public var until: WallTime
  /// Whether sirens sound as they would if it were real.
  public var soundsSiren: Bool

  public init(sensor: SensorID, mode: AlertMode, readings: [Reading], until: WallTime, soundsSiren: Bool = false) {
    self.sensor = sensor
    self.mode = mode
    self.readings = readings
    self.until = until
    self.soundsSiren = soundsSiren
  }
}

/// What became of a command.
public struct CommandAnswer: Sendable, Hashable {
  public enum Result: Sendable, Hashable {
    case done
    case refused(CommandRefusal)
  }

  /// The command's id.
  public var command: String
  public var result: Result

  public init(command: String, result: Result) {
    self.command = command
    self.result = result
  }
}

/// Why a command is not carried out. An open list on the wire.
public enum CommandRefusal: String, Sendable, CaseIterable {
  /// Its end has come.
  case over
  /// It would last for more than 24 hours.
  case tooLong = "too_long"
  /// No such alert is active.
  case unknownAlert = "unknown_alert"
  case unknownSensor = "unknown_sensor"
  case unknownOutput = "unknown_output"
  /// There is nothing to end: no silence, no maintenance, no exercise.
  case nothingToEnd = "nothing_to_end"
  /// Nothing is detected from readings of this sensor.
  case notDetectable = "not_detectable"
  /// The readings are none, too many, out of order, too late, or none that the sensor could say.
  case badReadings = "bad_readings"
  /// The sensor measures what it raises an alert at, or an alert of it is active: that goes first.
  case realHazard = "real_hazard"
  /// There are as many searches as there may be.
  case tooMany = "too_many"
  /// A search without a case, or with one that is too long.
  case badCase = "bad_case"
}
