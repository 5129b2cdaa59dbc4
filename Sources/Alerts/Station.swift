public import Observations

/// Everything the gateway ever decides.
///
/// A value without clock, input or output: `run`, `replay`, `simulate` and the tests all drive the same one, so that a
/// replay equals what happened. What falls due is decided as of the moment it was due, however late it is asked.
public struct Station: Sendable {
  let plan: StationPlan
  let channelIndex: [SensorID: Int]
  var channels: [SensorChannel]
  var sirens: [Siren]
  /// Sensors that hang on one thing.
  var groups: [FaultGroup] = []
  var places: [WatchedPlace]
  var book: AlertBook
  /// The persons of the watch list by their number in it.
  var memberIndex: [SubjectID: Int] = [:]
  /// For each place and member the person's number at the place, or -1.
  var slots: [Int32] = []
  var memberCount = 0
  /// Who was where when an earlier run ended, until the watch list comes.
  var rememberedPresence: [PlaceID: [SubjectID: PresenceMemory]] = [:]
  /// What goes with each member of the watch list wherever it is.
  var carriers: [Carrier] = []
  var rememberedCarriers: [SubjectID: CarrierMemory] = [:]
  var searches: [TagSearch] = []
  /// Where somebody works, in the order of the sensors' names.
  var maintenances: [Maintenance] = []
  /// Exercises and tests, one a sensor at most, in the order of the sensors' names.
  var rehearsals: [Rehearsal] = []
  /// Those whose sensor was configured away, until the start.
  var lostRehearsals: [RehearsalMemory] = []
  /// How many alerts of exercises and tests have got an id.
  var rehearsalOrdinal: UInt64 = 0
  /// Sensors, then outputs, then places, then the book, then what was commanded.
  var deadlines: DeadlineQueue
  /// The moment from which the wall times of deadlines are counted: the last input that a recording holds.
  var clock = Moment(
    monotonic: MonotonicTime(nanoseconds: 0), wall: WallTime(milliseconds: 0), clock: .unsynchronized)
  /// When the last input was handled.
  var latest = MonotonicTime(nanoseconds: 0)
  /// Whether the clock was trusted more or less when an earlier run saved something last.
  var isTrustChanged = false
  /// Whether the clock showed an earlier time at the start than in an earlier boot, so that one of them was wrong.
  var isClockBehind = false
  /// Whether it is the station of an exercise or a test.
  var isRehearsing = false
  /// How many messages of an earlier run are not known any more.
  var lostMessages = 0
  /// How many inputs named no sensor of the plan or said what such a sensor cannot say. They change nothing.
  public internal(set) var ignoredInputs: UInt64 = 0

  /// The wall clock was set, rather than slewed, when it differs by this from what it should read.
  private static let clockStep = TimeSpan.seconds(1)

  /// A place and what can be said of its receivers.
  struct WatchedPlace: Sendable {
    var watch: PlaceWatch
    let receivers: [Int]
    var state = Effects.PlaceReport.State.watching
    var since: Moment
    /// Why nothing is said of what is expected of people, as it was reported last.
    var suspended: [Effects.PlaceReport.Suspension] = []
    /// Places that one tag cannot be heard at as well.
    var apartFrom: [Int] = []
    /// What families were told of the state.
    var news = PlaceNews()

    /// When it is to be looked at, at the latest.
    var deadline: MonotonicTime? {
      guard let due = news.due else { return watch.deadline }
      return watch.deadline.map { min($0, due) } ?? due
    }
  }

  /// Decides by `plan`; each new alert and notice gets its id from `identify`.
  public init(plan: StationPlan, identify: @escaping @Sendable (AlertOrigin) -> String) {
    self.plan = plan
    var index: [SensorID: Int] = [:]
    var channels = plan.sensors.map { sensor in
      SensorChannel(
        sensor, flood: plan.floods.first { $0.sensor == sensor.id }, rain: plan.rains.first { $0.sensor == sensor.id },
        zone: plan.zone)
    }
    for (number, sensor) in plan.sensors.enumerated() { index[sensor.id] = number }
    Self.pair(&channels, by: plan.agreements, index: index)
    Self.join(&channels, by: plan.floods, index: index)
    for rule in plan.contacts {
      guard let channel = index[rule.sensor] else { continue }
      guard rule.use != .silence else {
        channels[channel].button = rule
        continue
      }
      channels[channel].contact = ContactDwell(rule)
      channels[channel].flapping = FlapWatch(unstableAfter: rule.unstableAfter)
      channels[channel].realert.interval = rule.realertAfter
    }
    for rule in plan.limits {
      if let channel = index[rule.sensor] { channels[channel].limit = LimitWatch(rule) }
    }
    sirens = plan.outputs.map { rule in
      Siren(
        rule: rule, required: (rule.soundAt?.allOf ?? []).map { index[$0] },
        policy: SirenPolicy(maxOn: rule.maxOn, minOn: rule.minOn, coolDown: rule.coolDown))
    }
    for (number, siren) in sirens.enumerated() {
      for case let channel? in siren.required where !channels[channel].outputs.contains(number) {
        channels[channel].outputs.append(number)
      }
    }
    groups = Self.groups(of: plan, &channels)
    let clock = self.clock
    places = plan.places.map { rule in
      WatchedPlace(watch: PlaceWatch(rule), receivers: rule.sensors.compactMap { index[$0] }, since: clock)
    }
    let placeIndex = Dictionary(plan.places.enumerated().map { ($1.id, $0) }, uniquingKeysWith: { first, _ in first })
    for (number, rule) in plan.places.enumerated() {
      for other in rule.apartFrom.compactMap({ placeIndex[$0] }) where other != number {
        places[number].apartFrom.append(other)
        places[other].apartFrom.append(number)
      }
      for (receiver, sensor) in rule.sensors.enumerated() {
        if let channel = index[sensor] { channels[channel].places.append((number, receiver)) }
      }
    }
    self.channels = channels
    channelIndex = index
    book = AlertBook(gateway: plan.gateway, identify: identify)
    deadlines = DeadlineQueue(count: channels.count + plan.outputs.count + plan.places.count + 2)
  }

  /// Starts watching: reports what is known at once, such as the places' and outputs' states. Called once, after
  /// `restore`; the watch list follows as an input at the same moment.
  public mutating func start(at moment: Moment, into effects: inout Effects) {
    clock = moment
    latest = moment.monotonic
    for index in channels.indices where !channels[index].isRestored {
      channels[index].faults.begin(at: moment.monotonic)
    }
    saveLostRevisions(at: moment, into: &effects)
    clearOrphans(at: moment, into: &effects)
    startCommanded(at: moment, into: &effects)
    if isTrustChanged { correctTimes(at: moment, into: &effects) }
    for index in places.indices {
      places[index].since = moment
      places[index].suspended = suspensions(of: index, at: moment)
      updatePlace(index, at: moment, into: &effects)
      if places[index].state == .watching { reportPlace(index, into: &effects) }
      watchNews(index, at: moment, into: &effects)
    }
    for index in sirens.indices { startSiren(index, at: moment, into: &effects) }
    effects.saves.append(SavedState(key: SavedKey.stopped, savedAt: moment, part: nil))
    for component in 0..<channels.count + sirens.count + places.count + 2 {
      deadlines.set(component, to: deadline(of: component))
    }
    fireDeadlines(through: moment.monotonic, into: &effects)
  }

  /// Takes one input at one moment and appends what it causes. Deadlines at or before `moment` fire first, each as of
  /// its own time. A moment before the last one is taken as the last one: the order of inputs is the order of events.
  public mutating func handle(_ input: StationInput, at moment: Moment, into effects: inout Effects) {
    var moment = moment
    if moment.monotonic < latest {
      moment = Moment(monotonic: latest, wall: moment.wall, clock: moment.clock)
    }
    if deadlines.isDue(at: moment.monotonic) { fireDeadlines(through: moment.monotonic, into: &effects) }
    if setClock(by: input, to: moment) { clockWasSet(at: moment, into: &effects) }
    take(input, at: moment, into: &effects)
    if deadlines.isDue(at: moment.monotonic) { fireDeadlines(through: moment.monotonic, into: &effects) }
  }

  /// When `timePasses` is due at the latest, if ever. It may be earlier than anything happens.
  public var nextDeadline: MonotonicTime? { deadlines.earliest }

  /// The latest message of each active alert of mode actual, in the order of raising.
  public var activeAlerts: [Alert] { book.active.compactMap(\.told) }

  /// The last number given in the stream `alert`.
  public var lastAlertSequence: UInt64 { book.sequence }

  /// Why a sensor is not believed, as long as that is an alert.
  public func declaredFault(of sensor: SensorID) -> FaultCause? {
    channelIndex[sensor].flatMap { channels[$0].faults.declared }
  }

  private mutating func take(_ input: StationInput, at moment: Moment, into effects: inout Effects) {
    switch input {
    case .reading(let sensor, let value):
      guard let index = channelIndex[sensor], channels.span[index].isMeasuring else { return ignore() }
      takeReading(index, value, at: moment, into: &effects)
    case .sighting(let sensor, let subject, let signal, let battery, let button):
      guard let index = channelIndex[sensor], channels.span[index].plan.quantity == .beacon else { return ignore() }
      takeSighting(index, subject, signal: signal, battery: battery, button: button, at: moment, into: &effects)
    case .alive(let sensor):
      guard let index = channelIndex[sensor] else { return ignore() }
      switch channels.span[index].plan.quantity {
      case .beacon: takeAlive(index, at: moment, into: &effects)
      // A line that lives and has nothing new to say: lost tips are over, and it may not rain again for weeks.
      case .rain: takeLineAlive(index, at: moment, into: &effects)
      default: ignore()
      }
    case .position(let sensor, let fix):
      guard let index = channelIndex[sensor], channels.span[index].plan.quantity == .position else { return ignore() }
      takePosition(index, fix, at: moment, into: &effects)
    case .contact(let sensor, let active):
      guard let index = channelIndex[sensor], channels.span[index].plan.quantity.isContact else { return ignore() }
      takeContact(index, active: active, at: moment, into: &effects)
    case .tips(let sensor, let count):
      guard let index = channelIndex[sensor], channels.span[index].rain != nil else { return ignore() }
      takeTips(index, count: count, at: moment, into: &effects)
    case .fault(let sensor, let cause):
      guard let index = channelIndex[sensor] else { return ignore() }
      takeFault(index, cause, at: moment)
    case .output(let output, let cause):
      guard let index = sirens.firstIndex(where: { $0.rule.id == output }) else { return ignore() }
      takeOutput(index, cause, at: moment, into: &effects)
    case .ledger(let cause):
      takeLedger(cause, at: moment, into: &effects)
    case .certificate(let certificate, let cause):
      takeCertificate(certificate, cause, at: moment, into: &effects)
    case .watch(let list):
      replaceWatchPlan(list, at: moment, into: &effects)
    case .command(let command):
      takeCommand(command, at: moment, into: &effects)
    case .timePasses:
      break
    }
  }

  /// Live running and the replay of its recording must read the same wall time for a deadline. So the clock is set by
  /// what is recorded; being woken or hearing that a receiver works moves it only when the wall clock itself was set.
  ///
  /// Returns whether the wall clock was set, or is trusted more or less than before.
  private mutating func setClock(by input: StationInput, to moment: Moment) -> Bool {
    latest = moment.monotonic
    let expected = clock.advanced(by: moment.monotonic - clock.monotonic).wall
    let isSet =
      (moment.wall - expected).nanoseconds.magnitude >= Self.clockStep.nanoseconds.magnitude
      || moment.clock != clock.clock
    switch input {
    case .reading, .contact, .tips, .sighting, .position, .fault, .output, .ledger, .certificate, .command:
      clock = moment
    case .alive, .watch, .timePasses:
      if isSet { clock = moment }
    }
    return isSet
  }

  private mutating func ignore() {
    ignoredInputs &+= 1
  }
}

// MARK: Deadlines

extension Station {
  /// Puts a sensor's deadline forward, if it has come closer.
  mutating func watchDeadline(ofChannel index: Int) {
    deadlines.notLater(index, than: channels[index].deadline())
  }

  mutating func watchDeadline(ofPlace index: Int) {
    deadlines.notLater(channels.count + sirens.count + index, than: places[index].deadline)
  }

  mutating func watchDeadline(ofSiren index: Int) {
    deadlines.notLater(channels.count + index, than: sirens[index].deadline)
  }

  mutating func watchBookDeadline() {
    deadlines.notLater(channels.count + sirens.count + places.count, than: book.deadline)
  }

  mutating func watchCommandDeadline() {
    deadlines.notLater(channels.count + sirens.count + places.count + 1, than: commandDeadline)
  }

  private mutating func deadline(of component: Int) -> MonotonicTime? {
    var index = component
    if index < channels.count { return channels[index].deadline() }
    index -= channels.count
    if index < sirens.count { return sirens[index].deadline }
    index -= sirens.count
    if index < places.count { return places[index].deadline }
    return index == places.count ? book.deadline : commandDeadline
  }

  /// Fires what is due, in the order of time, then of sensors, outputs, places, the book and what was commanded.
  private mutating func fireDeadlines(through limit: MonotonicTime, into effects: inout Effects) {
    while deadlines.isDue(at: limit), let due = deadlines.earliest {
      let component = deadlines.firstComponent
      latest = max(latest, due)
      wake(component, at: clock.advanced(by: latest - clock.monotonic), into: &effects)
      deadlines.set(component, to: deadline(of: component))
    }
  }

  private mutating func wake(_ component: Int, at moment: Moment, into effects: inout Effects) {
    var index = component
    if index < channels.count { return wakeChannel(index, at: moment, into: &effects) }
    index -= channels.count
    if index < sirens.count { return wakeOutput(index, at: moment, into: &effects) }
    index -= sirens.count
    if index < places.count { return wakePlace(index, at: moment, into: &effects) }
    if index == places.count { return renewAlerts(at: moment, into: &effects) }
    wakeCommanded(at: moment, into: &effects)
  }
}
