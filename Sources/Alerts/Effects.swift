public import Observations

/// All that the station asks for after one input, in the order in which it was decided.
///
/// What one input causes is committed together with `saves`, so that a crash neither forgets nor repeats.
public struct Effects: Sendable {
  /// Switch an output. Carried out at once, waiting for nobody.
  public struct OutputChange: Sendable, Hashable {
    public var output: OutputID
    public var on: Bool
    /// Why: `alert`, `max_on`, `released`, `silenced`, `start`, … An open list.
    public var cause: String
    /// When it will be switched off at the latest.
    public var until: Moment?
    /// Until when it is silenced, if it is.
    public var silencedUntil: Moment?
    /// Whether it cannot sound because somebody works at what it depends on.
    public var isLocked: Bool
    public var at: Moment
    /// Who or what caused it: the ids of the alerts that it sounds for, the faulty sensors that silence it, …
    public var by: [String]

    public init(
      output: OutputID, on: Bool, cause: String, until: Moment?, silencedUntil: Moment? = nil, isLocked: Bool = false,
      at: Moment, by: [String] = []
    ) {
      self.by = by
      self.output = output
      self.on = on
      self.cause = cause
      self.until = until
      self.silencedUntil = silencedUntil
      self.isLocked = isLocked
      self.at = at
    }
  }

  /// The latest value of a sensor, to be published retained.
  public struct ObservationReport: Sendable, Hashable {
    /// What the sensor last said.
    public enum Value: Sendable, Hashable {
      case measure(Measure)
      case contact(active: Bool)
      case rain(total: Measure, tips: UInt64)
      /// A receiver: working or not, never how many tags.
      case receiver(working: Bool)
    }

    public var sensor: SensorID
    public var at: Moment
    /// Nil when the sensor fell silent or says what cannot be believed.
    public var value: Value?
    /// Set from the moment a fault is an alert until the sensor is sound, which may be before the alert ends. Beside a
    /// value: the sensor speaks again, and has yet to show that it goes on.
    public var fault: FaultCause?
    /// Of a level: change an hour, where it is known.
    public var ratePerHour: Measure?
    /// Of a level: when the next step will be reached, an estimate.
    public var next: Alert.Next?
    /// Of a rain gauge: what its tips add up to.
    public var sums: RainSums?

    public init(
      sensor: SensorID, at: Moment, value: Value?, fault: FaultCause?, ratePerHour: Measure? = nil,
      next: Alert.Next? = nil, sums: RainSums? = nil
    ) {
      self.sensor = sensor
      self.at = at
      self.value = value
      self.fault = fault
      self.ratePerHour = ratePerHour
      self.next = next
      self.sums = sums
    }
  }

  /// Whether a place can be watched.
  public struct PlaceReport: Sendable, Hashable {
    public enum State: String, Sendable, Codable {
      /// Every receiver works.
      case watching
      /// Some receiver works.
      case degraded
      /// None works: nobody can be said to be here or not.
      case blind
    }

    /// Why nothing is said for now of what is expected of people.
    public enum Suspension: String, Sendable, Codable, CaseIterable {
      /// The clock is not synchronized.
      case clock
      /// No receiver works.
      case blind
      /// Nobody listened for more than five minutes of the last hour: who has not arrived may have.
      case gap
    }

    public var place: PlaceID
    public var state: State
    public var since: Moment
    public var suspended: [Suspension]

    public init(place: PlaceID, state: State, since: Moment, suspended: [Suspension] = []) {
      self.place = place
      self.state = state
      self.since = since
      self.suspended = suspended
    }
  }

  public var alerts: [Alert] = []
  public var notices: [Notice] = []
  public var outputs: [OutputChange] = []
  public var observations: [ObservationReport] = []
  public var places: [PlaceReport] = []
  /// What became of commands.
  public var answers: [CommandAnswer] = []
  /// What must be remembered over a restart, newest last.
  public var saves: [SavedState] = []

  public init() {}

  /// Empties it and keeps its memory, so that one value serves input after input.
  public mutating func removeAll() {
    alerts.removeAll(keepingCapacity: true)
    notices.removeAll(keepingCapacity: true)
    outputs.removeAll(keepingCapacity: true)
    observations.removeAll(keepingCapacity: true)
    places.removeAll(keepingCapacity: true)
    answers.removeAll(keepingCapacity: true)
    saves.removeAll(keepingCapacity: true)
  }

  /// Whether nothing is asked for.
  public var isEmpty: Bool {
    alerts.isEmpty && notices.isEmpty && outputs.isEmpty && observations.isEmpty && places.isEmpty && saves.isEmpty
      && answers.isEmpty
  }
}
