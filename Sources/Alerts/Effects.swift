public import Observations

/// All that the station asks for after one input, in the order in which it was decided.
///
/// What one input causes is committed together with `saves`, so that a crash neither forgets nor repeats.
public struct Effects: Sendable {
  /// Switch an output. Carried out at once, waiting for nobody.
  public struct OutputChange: Sendable, Hashable {
    public var output: OutputID
    public var on: Bool
    /// Why: `alert`, `max_on`, `released`, `start`, … An open list.
    public var cause: String
    /// When it will be switched off at the latest.
    public var until: Moment?
    public var at: Moment

    public init(output: OutputID, on: Bool, cause: String, until: Moment?, at: Moment) {
      self.output = output
      self.on = on
      self.cause = cause
      self.until = until
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
    /// Set from the moment a fault is an alert until it is cleared. Beside a value: the sensor speaks again, and has yet
    /// to show that it goes on.
    public var fault: FaultCause?

    public init(sensor: SensorID, at: Moment, value: Value?, fault: FaultCause?) {
      self.sensor = sensor
      self.at = at
      self.value = value
      self.fault = fault
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

    public var place: PlaceID
    public var state: State
    public var since: Moment

    public init(place: PlaceID, state: State, since: Moment) {
      self.place = place
      self.state = state
      self.since = since
    }
  }

  public var alerts: [Alert] = []
  public var notices: [Notice] = []
  public var outputs: [OutputChange] = []
  public var observations: [ObservationReport] = []
  public var places: [PlaceReport] = []
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
    saves.removeAll(keepingCapacity: true)
  }

  /// Whether nothing is asked for.
  public var isEmpty: Bool {
    alerts.isEmpty && notices.isEmpty && outputs.isEmpty && observations.isEmpty && places.isEmpty && saves.isEmpty
  }
}
