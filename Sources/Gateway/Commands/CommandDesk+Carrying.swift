import Alerts
import Delivery
import Logging
import Observations

/// What is done for a command, and what is said of it.
extension CommandDesk {
  /// A command and how it came.
  struct Case {
    let command: VerifiedCommand
    let message: IncomingMessage
  }

  func carryOut(_ accepted: AcceptedCommand, _ matter: Case, at now: Moment) throws(CommandRejection) {
    switch accepted.request {
    case .report:
      errands.report()
      finish(accepted, matter, nil, at: now)
    case .reload:
      finish(accepted, matter, errands.reload(), at: now)
    case .search(let search):
      try check(search)
      perform(accepted, matter, tag: search.tag, at: now)
    default: perform(accepted, matter, tag: nil, at: now)
    }
  }

  /// Has the station do it; the answer, the id and all that the station asks for are one transaction.
  private func perform(_ accepted: AcceptedCommand, _ matter: Case, tag: SHA256Hash?, at now: Moment) {
    guard let action = action(of: accepted, at: now) else { return }
    let command = Command(id: matter.command.id, authority: matter.command.authority, action: action)
    watchkeeper.carryOut(command, tag: tag) { result, moment, batch in
      switch result {
      case .done:
        if case .search(let search) = command.action, case .search(let asked) = accepted.request, let tag {
          let end = TagSearchEnd(until: asked.end, lasting: search.until - moment.wall, from: moment.monotonic)
          batch.records += searches.begin(tag, as: search.subject, until: end, at: moment)
        }
        finish(accepted, matter, nil, at: moment, into: &batch)
      case .refused(let refusal):
        let rejection = CommandRejection(word: refusal.rawValue, explanation: refusal.explanation)
        finish(accepted, matter, rejection, at: moment, into: &batch)
      }
    }
  }

  /// Throws unless the tag can be known here.
  private func check(_ search: CommandRequest.Search) throws(CommandRejection) {
    guard let key = watchkeeper.tagKeyIdentifier else {
      throw CommandRejection(
        .noWatchList, "this gateway has no watch list, whose key makes tags known: bring one, even an empty one")
    }
    guard search.tag != nil else {
      guard watchkeeper.watches(search.subject) else {
        throw CommandRejection(
          .unknownSubject, "the person is not on this gateway's watch list: give the tag that is to be searched for")
      }
      return
    }
    if let named = search.tagKeyIdentifier, named != key {
      throw CommandRejection(
        .unknownTagKey, "the tag is hashed under another key than this gateway's watch list: hash it under \(key)")
    }
  }

  /// What the station is asked for. Without a clock, an end is as far from now as it was from when it was issued.
  private func action(of accepted: AcceptedCommand, at now: Moment) -> Command.Action? {
    func here(_ end: WallTime) -> WallTime {
      now.clock == .unsynchronized ? now.wall + (end - accepted.issued) : end
    }
    switch accepted.request {
    case .acknowledge(let alert, let end, let cause):
      return .acknowledge(.id(alert), until: here(end), cause: cause)
    case .silence(let output, let end): return .silence(output, until: end.map(here))
    case .maintenance(let sensors, let end): return .maintenance(sensors, until: end.map(here))
    case .endRehearsal(let sensor, _): return .endRehearsal(sensor)
    case .search(let search):
      return .search(
        WatchSearch(
          subject: search.subject, person: search.person, searchCase: search.searchCase, until: here(search.end)))
    case .rehearse(let rehearsal):
      let quantity = quantities[rehearsal.sensor] ?? .waterLevel
      let readings = rehearsal.readings.map { reading in
        RehearsalPlan.Reading(
          offset: .seconds(Int64(reading.afterSeconds)), value: Self.measure(reading.value, of: quantity))
      }
      return .rehearse(
        RehearsalPlan(
          sensor: rehearsal.sensor, mode: rehearsal.mode, readings: readings, until: here(rehearsal.end),
          soundsSiren: rehearsal.soundsSiren))
    case .report, .reload: return nil
    }
  }

  /// A value that no sensor means becomes the largest number, which the station refuses as out of the sensor's range.
  private static func measure(_ value: Double, of quantity: Quantity) -> Measure {
    if quantity == .floodContact { return Measure(thousandths: value == 0 ? 0 : 1000) }
    return Measure(rounding: value, for: quantity) ?? Measure(thousandths: value < 0 ? -.max : .max)
  }

  // MARK: Answers

  /// Answers and remembers a command that was looked at to its end, in a transaction of its own.
  private func finish(
    _ accepted: AcceptedCommand, _ matter: Case, _ rejection: CommandRejection?, at now: Moment
  ) {
    var batch = DeliveryBatch()
    finish(accepted, matter, rejection, at: now, into: &batch)
    delivery.commit(batch)
  }

  private func finish(
    _ accepted: AcceptedCommand, _ matter: Case, _ rejection: CommandRejection?, at now: Moment,
    into batch: inout DeliveryBatch
  ) {
    let reply = reply(matter, accepted.verb, rejection, at: now)
    let bytes = write(reply, matter, note: accepted.request.note, into: &batch)
    batch.records.append(
      memory.remember(
        CommandMemory.Entry(
          authority: matter.command.authority, id: matter.command.id, digest: matter.command.digest.hex,
          expires: accepted.expires, boot: accepted.boot, reply: String(decoding: bytes, as: UTF8.self))))
    count(rejection, accepted.verb, matter)
  }

  /// Answers what is refused whenever it comes, and need not be remembered.
  func refuse(_ matter: Case, _ verb: CommandRequest.Verb?, _ rejection: CommandRejection, at now: Moment) {
    var batch = DeliveryBatch()
    let reply = reply(matter, verb, rejection, at: now)
    let isRecorded = refusalBudget.takes(at: now.monotonic)
    let bytes: [UInt8]
    if isRecorded {
      bytes = write(reply, matter, note: nil, into: &batch)
    } else {
      bytes = formats.reply(reply)
      answer(matter.message, bytes, into: &batch)
    }
    if rejection.mightPassLater, let expires = judge.expiry(of: matter.command) {
      batch.records += memory.remember(
        CommandMemory.Refusal(
          authority: matter.command.authority, digest: matter.command.digest.hex, expires: expires,
          reply: String(decoding: bytes, as: UTF8.self)))
    }
    delivery.commit(batch)
    // Whoever has an old command could fill the log with it.
    count(rejection, verb, matter, isLogged: isRecorded)
  }

  /// Gives the first answer once more.
  func answerAgain(_ reply: String, to message: IncomingMessage) {
    var batch = DeliveryBatch()
    answer(message, Array(reply.utf8), into: &batch)
    delivery.commit(batch)
  }

  /// Answers without a row in the ledger.
  private func answer(_ message: IncomingMessage, _ bytes: [UInt8], into batch: inout DeliveryBatch) {
    batch.answers.append(Answer(topic: formats.context.topics.reply, payload: bytes))
    answerDirectly(message, bytes, into: &batch)
  }

  private func reply(
    _ matter: Case, _ verb: CommandRequest.Verb?, _ rejection: CommandRejection?, at now: Moment
  ) -> CommandReply {
    CommandReply(
      id: matter.command.id, authority: matter.command.authority, verb: verb?.rawValue, refusal: rejection?.word,
      explanation: rejection?.explanation, at: now)
  }

  /// Puts the answer into the ledger, where it is the record of who commanded what, and on its way.
  @discardableResult
  private func write(
    _ reply: CommandReply, _ matter: Case, note: String?, into batch: inout DeliveryBatch
  ) -> [UInt8] {
    let topics = formats.context.topics
    let bytes = formats.reply(reply)
    var record = "\(reply.authority) \(reply.verb ?? "?") \(reply.id)"
    if let note { record += " \(note)" }
    record += reply.refusal.map { ": refused, \($0)" } ?? ": done"
    let missing = refusalBudget.takeUnwritten()
    if missing > 0 { record += " (\(missing) refusals before this are not recorded)" }
    let name = "\(topics.gateway)/command/\(nextSequence)"
    batch.messages.append(
      OutgoingMessage(
        stream: OutgoingMessage.commandStream, sequence: nextSequence, id: name, revision: 1, topic: topics.reply,
        draft: bytes, detectedNanoseconds: reply.at.monotonic.nanoseconds, note: record))
    nextSequence += 1
    answerDirectly(matter.message, bytes, into: &batch)
    return bytes
  }

  /// Answers where the sender waits for it, if it said where and that is a place for answers.
  private func answerDirectly(_ message: IncomingMessage, _ bytes: [UInt8], into batch: inout DeliveryBatch) {
    let topics = formats.context.topics
    if message.topic == topics.agentCommand, let written = try? StrictJSON.decode(WrittenReply.self, from: bytes) {
      let result = formats.agentResult(id: written.id, refusal: written.reason, explanation: written.explanation)
      batch.answers.append(Answer(topic: topics.agentResult, payload: result))
    }
    guard let wanted = message.responseTopic, Self.isResponseTopic(wanted, below: topics.replyPrefix) else { return }
    batch.answers.append(Answer(topic: wanted, payload: bytes, correlationData: message.correlationData))
  }

  private struct WrittenReply: Decodable {
    var id: String
    var reason: String?
    var explanation: String?
  }

  /// A response topic has no more levels below the prefix. Mosquitto ends the connection of whoever writes to one of more
  /// than 200, other brokers to one of 128: a command played again would take the gateway from its broker.
  static let mostResponseLevels = 8

  /// Whether an answer may go there: below the prefix, a topic's name and not a filter, and without the braces of the mark
  /// that stands for a secret.
  static func isResponseTopic(_ topic: String, below prefix: String) -> Bool {
    topic.hasPrefix(prefix) && topic.utf8.count > prefix.utf8.count
      && topic.utf8.dropFirst(prefix.utf8.count).count { $0 == UInt8(ascii: "/") } < mostResponseLevels
      && topic.unicodeScalars.allSatisfy { isShown($0) && !"+#{}".unicodeScalars.contains($0) }
  }

  /// Neither a control character nor one that Unicode keeps free, which brokers may refuse: MQTT 5, section 1.5.4.
  private static func isShown(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.generalCategory != .control && !scalar.properties.isNoncharacterCodePoint
  }

  private func count(
    _ rejection: CommandRejection?, _ verb: CommandRequest.Verb?, _ matter: Case, isLogged: Bool = true
  ) {
    let what = "the command \(verb?.rawValue ?? "?") of \(matter.command.authority)"
    guard let rejection else {
      counters.done += 1
      logger.notice("Carried out \(what) [id=\(matter.command.id)]")
      return
    }
    counters.refused += 1
    guard isLogged else { return }
    logger.notice("Refused \(what): \(rejection.word) [id=\(matter.command.id)]")
  }

  // MARK: Searches

  /// Goes on with the searches of an earlier run; those that are over are forgotten. To be called once there is a watch
  /// list, whose key makes tags known.
  func resumeSearches() {
    var batch = DeliveryBatch()
    for search in searches.goOn(at: watchkeeper.present(), changes: &batch.records) {
      watchkeeper.goOnSearching(for: search.tag, as: search.subject, until: search.end)
    }
    if !batch.records.isEmpty { delivery.commit(batch) }
  }
}

extension CommandRequest {
  /// What the ledger's record says of it beside the verb: never a tag and never a person.
  fileprivate var note: String? {
    let until = end.map { "until \($0.rfc3339(in: .fixed(seconds: 0)))" } ?? "stop"
    switch self {
    case .acknowledge(let alert, _, let cause): return "\(alert) \(until)" + (cause.map { " as \($0)" } ?? "")
    case .silence(let output, _): return "\(output?.text ?? "every output") \(until)"
    case .maintenance(let sensors, _):
      return "\(sensors.map { $0.map(\.text).joined(separator: ",") } ?? "all") \(until)"
    case .rehearse(let rehearsal): return "\(rehearsal.sensor) \(until)"
    case .endRehearsal(let sensor, _): return "\(sensor?.text ?? "all") stop"
    case .search(let search): return "case \(search.searchCase) \(until)"
    case .report, .reload: return nil
    }
  }
}

extension CommandRefusal {
  /// The refusal in plain words, and what to do.
  fileprivate var explanation: String {
    switch self {
    case .over: "its end has come: give a later end"
    case .tooLong: "it would last for more than 24 h: give an earlier end"
    case .unknownAlert: "no such alert is active: take the id from the retained list of active alerts"
    case .unknownSensor: "this gateway has no such sensor: take its id from info"
    case .unknownOutput:
      "this gateway has no such output that could be silenced: take its id from the topics of outputs"
    case .nothingToEnd: "there is nothing of the kind to end: nothing was changed"
    case .notDetectable: "nothing is detected from this sensor's readings: choose a sensor that has a rule"
    case .badReadings:
      "the readings are none, too many, out of order, too late or out of the sensor's range: begin at 0 s and rise in time"
    case .realHazard: "a real hazard is there or an alert of it is active: that goes first; try again when it is over"
    case .tooMany: "as much of the kind goes on as there may be: end something first, or wait until something is over"
    case .badCase: "the case has not 1 to 64 characters: name the search by its case"
    }
  }
}
