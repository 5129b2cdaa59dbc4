import Alerts
import Delivery
import Logging
import Observations

/// Takes signed commands on the sensing thread: judges each, has it carried out once, answers it and remembers it.
///
/// What was done, its answer and its id are committed as one: a gateway that is killed in between has done all or nothing,
/// and its memory is right.
final class CommandDesk {
  /// What came on the commands' topics since the start, for the heartbeat.
  struct Counters {
    var done: UInt64 = 0
    var refused: UInt64 = 0
    /// Answered as before.
    var repeated: UInt64 = 0
    /// Passed over: retained, not signed by an authority, or without an id.
    var retained: UInt64 = 0
    var unsigned: UInt64 = 0
    var unreadable: UInt64 = 0
    /// Passed over without a look, because more came than are looked at.
    var tooMany: UInt64 = 0
  }

  /// What is asked of the rest of the gateway.
  struct Errands {
    /// Publishes the heartbeat and every retained state anew.
    var report: () -> Void = {}
    /// Reads the configuration again and takes it up, once this turn is over; or why that cannot be.
    var reload: () -> CommandRejection? = { nil }
  }

  /// A JWS of 4 KB, and what an IoT Agent writes around it. What is longer never reaches the desk.
  static let longestMessageBytes = JSONWebSignature.maximumBytes + 256
  /// So many are looked at in a second, and so many at once after a calm: a signature takes a small board a millisecond.
  private static let mostPerSecond = 10
  private static let mostAtOnce = 20

  let judge: CommandJudge
  let watchkeeper: Watchkeeper
  let delivery: DeliveryService
  let formats: Formats
  let logger: Logger
  let quantities: [SensorID: Quantity]
  var memory: CommandMemory
  var counters = Counters()
  var errands = Errands()
  var nextSequence: UInt64
  var refusalBudget: RefusalBudget
  var searches: KeptSearches
  private var pace: Pace
  private var neglectLoggedAt: MonotonicTime?
  private var neglectedSince: UInt64 = 0

  /// - Parameter records: what the ledger kept.
  init(
    judge: CommandJudge, watchkeeper: Watchkeeper, delivery: DeliveryService, formats: Formats, logger: Logger,
    records: [StateRecord], boot: String, at now: Moment
  ) {
    self.judge = judge
    self.watchkeeper = watchkeeper
    self.delivery = delivery
    self.formats = formats
    self.logger = logger
    quantities = Dictionary(uniqueKeysWithValues: formats.context.plan.sensors.map { ($0.id, $0.quantity) })
    var batch = DeliveryBatch()
    memory = CommandMemory(
      records: records, boot: boot, isLedgerLost: delivery.wasSetAside || delivery.isWithoutPast,
      hasUnstoredAnswers: delivery.unstoredCommands > 0, at: now, changes: &batch.records)
    searches = KeptSearches(records: records, boot: boot, changes: &batch.records)
    nextSequence = (delivery.lastSequences[OutgoingMessage.commandStream] ?? 0) + 1
    pace = Pace(perSecond: Self.mostPerSecond, burst: Self.mostAtOnce, now: now.monotonic.nanoseconds)
    refusalBudget = RefusalBudget(at: now.monotonic)
    if !batch.records.isEmpty { delivery.commit(batch) }
  }

  /// Takes one message of a command's topic.
  func take(_ message: IncomingMessage) {
    let now = watchkeeper.present()
    guard pace.available(now: now.monotonic.nanoseconds) > 0 else {
      counters.tooMany += 1
      return noteNeglect(at: now.monotonic)
    }
    pace.take(1)
    let command: VerifiedCommand
    do {
      command = try judge.verify(try text(of: message), isRetained: message.isRetained)
    } catch {
      switch error {
      case .retained: counters.retained += 1
      case .unsigned: counters.unsigned += 1
      case .unreadable: counters.unreadable += 1
      }
      return noteNeglect(at: now.monotonic)
    }
    var batch = DeliveryBatch()
    batch.records = memory.tidy(at: now)
    if !batch.records.isEmpty { delivery.commit(batch) }
    if let entry = memory.entry(authority: command.authority, id: command.id), entry.digest == command.digest.hex {
      counters.repeated += 1
      return answerAgain(entry.reply, to: message)
    }
    if let refusal = memory.refusal(authority: command.authority, digest: command.digest.hex) {
      counters.repeated += 1
      return answerAgain(refusal.reply, to: message)
    }
    decide(command, from: message, at: now)
  }

  private func decide(_ command: VerifiedCommand, from message: IncomingMessage, at now: Moment) {
    do throws(CommandRejection) {
      let accepted = try judge.judge(
        command, at: now, needsBoot: memory.needsBoot(at: now), forgottenThrough: memory.forgottenThrough)
      guard memory.entry(authority: command.authority, id: command.id) == nil else {
        throw CommandRejection(.idUsed, "its id was used for another command: give each command an id of its own")
      }
      guard memory.hasRoom(for: command.authority) else {
        throw CommandRejection(
          .memoryFull,
          "\(CommandMemory.mostOfOneAuthority) commands of \(command.authority) are not expired yet: wait until some "
            + "are, then sign it anew; let commands expire sooner")
      }
      guard !memory.mayHaveForgotten(issued: accepted.issued, at: now) else {
        throw CommandRejection(
          .memoryLost,
          "it may have been done already before this gateway's memory of commands was lost or began: sign it anew, and "
            + "if its clock is not synchronized, let it get the time or restart the board first")
      }
      try carryOut(accepted, Case(command: command, message: message), at: now)
    } catch {
      refuse(Case(command: command, message: message), judge.verb(of: command), error, at: now)
    }
  }

  /// The JWS in a message: as it is, or as an IoT Agent wraps it.
  private func text(of message: IncomingMessage) throws(CommandNeglect) -> [UInt8] {
    guard message.topic == formats.context.topics.agentCommand else { return message.payload }
    guard !message.isRetained else { throw .retained }
    guard let wrapped = try? StrictJSON.decode(AgentCommand.self, from: message.payload) else { throw .unsigned }
    return Array(wrapped.mimamori.utf8)
  }

  private struct AgentCommand: Decodable {
    var mimamori: String
  }

  /// At most one line a minute: whoever forges must not fill the log.
  private func noteNeglect(at time: MonotonicTime) {
    neglectedSince += 1
    guard neglectLoggedAt.map({ time - $0 >= .minutes(1) }) ?? true else { return }
    logger.warning(
      """
      Passed over \(neglectedSince) messages on the commands' topics without an answer: not signed by an authority of \
      this gateway, retained, or too many. See who may write there, and the counters in health.
      """)
    neglectLoggedAt = time
    neglectedSince = 0
  }
}

/// How many refusals are written into the ledger: a program that repeats a mistake must not fill it.
struct RefusalBudget {
  /// In an hour.
  static let mostPerHour = 60

  private var hourBegan: MonotonicTime
  private var written = 0
  /// Refusals since the last one that was written.
  private(set) var unwritten = 0

  init(at time: MonotonicTime) {
    hourBegan = time
  }

  /// Whether one more is written.
  mutating func takes(at time: MonotonicTime) -> Bool {
    if time - hourBegan >= .hours(1) {
      hourBegan = time
      written = 0
    }
    guard written < Self.mostPerHour else {
      unwritten += 1
      return false
    }
    written += 1
    return true
  }

  /// How many were not written, told once.
  mutating func takeUnwritten() -> Int {
    defer { unwritten = 0 }
    return unwritten
  }
}
