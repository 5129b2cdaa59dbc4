public import Alerts
public import Observations

/// What a command says is to be done: its `do` and `with`, as they were written.
public enum CommandRequest: Sendable, Hashable {
  /// The words of `do`. Each is also the right that it needs.
  public enum Verb: String, Sendable, Hashable, CaseIterable {
    case acknowledge, silence, exercise, test, maintenance, search, report, reload
  }

  /// From so many seconds after the command was taken on, the sensor says `value`.
  public struct Reading: Sendable, Hashable {
    public var afterSeconds: Int
    /// In the sensor's unit, not yet rounded to its quantity.
    public var value: Double
  }

  /// An exercise or a test of one sensor.
  public struct Rehearsal: Sendable, Hashable {
    public var sensor: SensorID
    public var mode: AlertMode
    public var readings: [Reading]
    public var soundsSiren: Bool
    public var end: WallTime
  }

  /// A search for a person's tag.
  public struct Search: Sendable, Hashable {
    /// The tag's keyed hash, as watch lists have it; nil: the tags that the watch list gives the person.
    public var tag: SHA256Hash?
    /// Names the key of the hash; nil: the key of the watch list in use.
    public var tagKeyIdentifier: String?
    public var subject: SubjectID
    public var person: WatchPlan.Person
    public var searchCase: String
    public var end: WallTime
  }

  /// `cause`: what it was found to be, an open word; nil: that is not said.
  case acknowledge(alert: String, end: WallTime, cause: String?)
  /// `end` nil: silence no longer.
  case silence(OutputID?, end: WallTime?)
  case rehearse(Rehearsal)
  case endRehearsal(SensorID?, AlertMode)
  /// `end` nil: nobody works there any more.
  case maintenance([SensorID]?, end: WallTime?)
  case search(Search)
  case report
  case reload

  /// So many readings fit into a command.
  static let mostReadings = 200
  static let mostSensors = 64

  /// Reads `with` as `verb` wants it: nothing may be missing and nothing left over.
  init(_ verb: Verb, with values: [String: CommandValue]) throws(CommandProblem) {
    var members = CommandFields(values, path: "with")
    switch verb {
    case .acknowledge:
      guard let alert = try members.text("alert", most: 128) else { throw Self.missing("alert", "the alert's id") }
      let cause = try members.text("cause", most: 40)
      guard cause.map(Alert.Acknowledgement.isCause) ?? true else {
        throw CommandProblem("with.cause is no word of a-z, 0-9 and underscores, such as real, false_alarm or test")
      }
      self = .acknowledge(alert: alert, end: try Self.requiredEnd(&members), cause: cause)
    case .silence:
      let output = try members.identifier("output").map { OutputID($0) }
      self = .silence(output, end: try Self.endOrStop(&members))
    case .exercise, .test:
      self = try Self.rehearsal(verb == .exercise ? .exercise : .test, &members)
    case .maintenance:
      let sensors = try members.identifiers("sensors", most: Self.mostSensors)?.map { SensorID($0) }
      self = .maintenance(sensors, end: try Self.endOrStop(&members))
    case .search: self = .search(try Self.search(&members))
    case .report: self = .report
    case .reload: self = .reload
    }
    try members.finish()
  }

  /// When it ends by itself, if it does.
  public var end: WallTime? {
    switch self {
    case .acknowledge(_, let end, _): end
    case .silence(_, let end), .maintenance(_, let end): end
    case .rehearse(let rehearsal): rehearsal.end
    case .search(let search): search.end
    case .endRehearsal, .report, .reload: nil
    }
  }

  private static func rehearsal(
    _ mode: AlertMode, _ members: inout CommandFields
  ) throws(CommandProblem) -> CommandRequest {
    let sensor = try members.identifier("sensor").map { SensorID($0) }
    if members.has("stop") {
      _ = try endOrStop(&members)
      return .endRehearsal(sensor, mode)
    }
    guard let sensor else { throw missing("sensor", "the id of a sensor") }
    let value = try members.number("value")
    let entries = try members.objects("readings", most: mostReadings)
    var readings = value.map { [Reading(afterSeconds: 0, value: $0)] } ?? []
    guard (value == nil) != (entries == nil) else {
      throw CommandProblem("with needs either value or readings: what the sensor is to say")
    }
    for var entry in entries ?? [] {
      let after = try entry.number("after_s") ?? 0
      guard (0...86_400).contains(after), after.rounded() == after, let value = try entry.number("value") else {
        throw CommandProblem("with.readings: each has after_s, whole seconds from 0 to 86400, and value")
      }
      try entry.finish()
      readings.append(Reading(afterSeconds: Int(after), value: value))
    }
    return .rehearse(
      Rehearsal(
        sensor: sensor, mode: mode, readings: readings, soundsSiren: try members.flag("siren") ?? false,
        end: try requiredEnd(&members)))
  }

  private static func search(_ members: inout CommandFields) throws(CommandProblem) -> Search {
    guard let subject = try members.text("subject", most: 40), WatchListEntry.isSubject(subject) else {
      throw CommandProblem("with.subject is not 24 to 40 hexadecimal digits in lower case: the city's pseudonym")
    }
    var tag: SHA256Hash?
    if let text = try members.text("tag", most: 64) {
      guard let hash = SHA256Hash(hex: text) else {
        throw CommandProblem(
          "with.tag is not the tag's hash of 64 hexadecimal digits, as 'sign command search' makes it")
      }
      tag = hash
    }
    let tagKey = try members.text("tag_kid", most: 64)
    guard tagKey == nil || tag != nil else { throw CommandProblem("with.tag_kid names the key of no tag") }
    var person = WatchPlan.Person.child
    if let word = try members.text("person", most: 8) {
      guard let known = WatchPlan.Person(rawValue: word) else {
        throw CommandProblem("with.person is neither child nor elder")
      }
      person = known
    }
    guard let searchCase = try members.text("case", most: 64), searchCase.unicodeScalars.allSatisfy(Self.isShown) else {
      throw missing("case", "what the search is known by, 1 to 64 characters")
    }
    return Search(
      tag: tag, tagKeyIdentifier: tagKey, subject: SubjectID(subject), person: person, searchCase: searchCase,
      end: try requiredEnd(&members))
  }

  private static func isShown(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value)
  }

  private static func requiredEnd(_ members: inout CommandFields) throws(CommandProblem) -> WallTime {
    guard let end = try end(&members) else { throw missing("end", "when it ends, such as 2026-11-21T18:00:00+09:00") }
    return end
  }

  /// `end`, or nil for `"stop":true`: one of the two.
  private static func endOrStop(_ members: inout CommandFields) throws(CommandProblem) -> WallTime? {
    let stop = try members.flag("stop")
    let end = try end(&members)
    guard (stop == true) != (end != nil), stop != false else {
      throw CommandProblem("with needs either end, when it ends, or stop, which is true: it ends now")
    }
    return end
  }

  private static func end(_ members: inout CommandFields) throws(CommandProblem) -> WallTime? {
    guard let text = try members.text("end", most: 40) else { return nil }
    guard let end = WallTime(rfc3339: text) else { throw CommandProblem("with.end is no RFC 3339 time") }
    return end
  }

  private static func missing(_ member: String, _ what: String) -> CommandProblem {
    CommandProblem("with.\(member) is missing or not usable: \(what)")
  }
}
