import Delivery
import Testing

@Suite struct PolicyTests {
  @Test func `the back-off doubles up to its limit with full jitter, and is short again after a lasting connection`() {
    var backOff = BackOff(firstNanoseconds: 1_000, longestNanoseconds: 60_000)
    let waits = (0..<8).map { _ in backOff.nextNanoseconds(random: 0.999_999) }
    let ceilings: [Double] = [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]
    for (wait, ceiling) in zip(waits, ceilings) {
      #expect(Double(wait) <= ceiling && Double(wait) > ceiling * 0.99)
    }
    let shortest = backOff.nextNanoseconds(random: 0)
    #expect(shortest == 0)
    backOff.lasted()
    let afterALastingConnection = backOff.nextNanoseconds(random: 0.5)
    #expect(afterALastingConnection == 500)
  }

  @Test func `MQTT 5 comes first, and 3.1.1 after a refusal or a silent close`() {
    var choice = ProtocolChoice(configured: .five)
    let first = choice.next(now: 0)
    #expect(first == .five)
    choice.closedWithoutAnswer(.five)
    let afterASilentClose = choice.next(now: 0)
    #expect(afterASilentClose == .three)
    let afterThat = choice.next(now: 0)
    #expect(afterThat == .five)
    choice.versionRefused(.five, now: 0)
    let afterARefusal = choice.next(now: 1)
    #expect(afterARefusal == .three)
    let aDayLater = choice.next(now: 24 * 3600 * 1_000_000_000)
    #expect(aDayLater == .five, "a day later MQTT 5 is tried again")
    var fixed = ProtocolChoice(configured: .three)
    fixed.closedWithoutAnswer(.three)
    let alwaysThree = fixed.next(now: 0)
    #expect(alwaysThree == .three)
  }

  @Test func `after another client took over the wait is never short`() {
    var backOff = BackOff(firstNanoseconds: 1_000, longestNanoseconds: 60_000)
    let waits = (0..<8).map { _ in backOff.nextAfterTakeover(random: 0) }
    #expect(waits == [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
  }

  @Test func `the first broker comes first, and the other when it did not answer`() {
    var order = BrokerOrder(count: 2)
    #expect(order.next == 0)
    order.failed(0)
    #expect(order.next == 1 && !order.isRoundOver)
    order.failed(1)
    #expect(order.next == 0 && order.isRoundOver)
    order.failed(0)
    order.lost()
    #expect(order.next == 0)
    var alone = BrokerOrder(count: 1)
    alone.failed(0)
    #expect(alone.next == 0 && alone.isRoundOver)
  }

  @Test func `a broker is suspicious after three short lives, and a return in vain puts off the next`() {
    var lives = BrokerLives(count: 2)
    func ended(_ broker: Int, isGood: Bool = false, isReturn: Bool = false) {
      lives.ended(broker, isGood: isGood, isReturn: isReturn)
    }
    ended(0)
    ended(0)
    #expect(!lives.isSuspicious(0) && lives.returnFactor == 1)
    ended(0)
    #expect(lives.isSuspicious(0) && !lives.isSuspicious(1) && lives.returnFactor == 1)
    var factors: [Int64] = []
    for _ in 0..<8 {
      ended(1, isGood: true)
      ended(0, isReturn: true)
      factors.append(lives.returnFactor)
    }
    #expect(factors == [2, 4, 8, 16, 32, 64, 64, 64] && lives.isSuspicious(0))
    ended(0, isGood: true, isReturn: true)
    #expect(!lives.isSuspicious(0) && lives.returnFactor == 1)
  }

  @Test(arguments: [
    (134, "login_refused", "mqtt.username"), (135, "not_authorized", "ACL"), (133, "refused", "gateway.id"),
    (132, "version_refused", "other version"), (136, "busy", "load"), (138, "refused", "banned"),
    (144, "topic_invalid", "mqtt.root"), (149, "too_large", "maximum packet size"), (151, "quota", "quota"),
    (154, "refused", "retained"), (155, "refused", "QoS 1"), (157, "moved_away", "mqtt.host"), (159, "busy", "same id"),
    (5, "not_authorized", "ACL"), (4, "login_refused", "mqtt.username"), (200, "refused", "200"),
  ])
  func `each reason of a refused CONNECT says what to do`(reason: Int32, word: String, advice: String) {
    let problem = BrokerProblem.refused(reason: reason)
    #expect(problem.word == word && problem.text.contains(advice), "\(problem)")
  }

  @Test(arguments: [
    (135, "not_authorized", "ACL"), (139, "lost", "shuts down"), (141, "lost", "line"), (142, "taken_over", "same id"),
    (144, "topic_invalid", "mqtt.root"), (147, "lost", "receive maximum"), (148, "alias", "written out"),
    (149, "too_large", "maximum packet size"), (150, "busy", "rate"), (151, "busy", "quota"),
    (152, "dismissed", "administrator"), (156, "moved_away", "mqtt.host"), (200, "lost", "200"),
  ])
  func `each reason of a DISCONNECT says what to do`(reason: Int32, word: String, advice: String) {
    let problem = BrokerProblem.dismissed(reason: reason)
    #expect(problem.word == word && problem.text.contains(advice), "\(problem)")
  }

  @Test(arguments: [
    (135, "not_authorized", "ACL", false), (144, "topic_invalid", "mqtt.root", true), (149, "too_large", "size", true),
    (151, "quota", "quota", false), (153, "unfit", "payloads", true), (128, "refused", "128", false),
  ])
  func `each reason of a refused message says what to do, and whether another try can help`(
    reason: Int32, word: String, advice: String, isLasting: Bool
  ) {
    let problem = BrokerProblem.unpublished(reason: reason)
    #expect(problem.word == word && problem.text.contains(advice) && problem.isLasting == isLasting, "\(problem)")
  }

  @Test func `a certificate by somebody of the authority's name is told apart from a missing one`() {
    func said(_ alert: Int32, isShared: Bool = false) -> String {
      BrokerProblem.refusedInHandshake(alert: alert, isShared: isShared).text
    }
    #expect(said(51).contains("does not accept this gateway's certificate"))
    #expect(said(116).contains("wants another proof"))
    #expect(said(51, isShared: true).contains("does not accept this gateway's key"))
  }

  @Test func `the pace lets a burst go and then a steady rate`() {
    var pace = Pace(perSecond: 10, burst: 5, now: 0)
    let burst = pace.available(now: 0)
    #expect(burst == 5)
    pace.take(5)
    let exhausted = pace.available(now: 0)
    #expect(exhausted == 0)
    #expect(pace.nextNanoseconds() > 99_000_000)
    let refilledByOne = pace.available(now: pace.nextNanoseconds())
    #expect(refilledByOne == 1)
    let refilled = pace.available(now: 60_000_000_000)
    #expect(refilled == 5)
    var free = Pace(perSecond: 0, burst: 1, now: 0)
    let unlimited = free.available(now: 0)
    #expect(unlimited == .max)
  }

  @Test func `a state whose expiry has passed is not sent, and the rest of its life is passed on`() {
    var table = RetainedTable(limit: 10)
    let state = RetainedState(topic: "observation", payload: [1], urgency: .spread, expirySeconds: 100)
    let isTaken = table.set(state, isTransient: false, now: 0)
    #expect(isTaken)
    table.connected(now: 40_000_000_000, spreadNanoseconds: 0)
    let remainingExpiry = table.next(now: 40_000_000_000)?.state.expirySeconds
    #expect(remainingExpiry == 60)
    table.connected(now: 100_000_000_000, spreadNanoseconds: 0)
    let expired = table.next(now: 100_000_000_000)
    #expect(expired == nil)
    #expect(table.count == 0)
  }

  @Test func `an observation is superseded where the broker may not have it, and nowhere else`() {
    var table = RetainedTable(limit: 10, mostBytes: 40)
    func state(_ text: String) -> RetainedState {
      RetainedState(
        topic: "o", payload: Array(text.utf8), urgency: .spread, expirySeconds: 10, backlogTopic: "o/delayed")
    }
    func set(_ text: String, _ now: Int64) -> Bool { table.set(state(text), isTransient: false, now: now) }
    func next(_ now: Int64) -> RetainedTable.Due? { table.next(now: now) }
    func superseded() -> [String] {
      table.takeSuperseded().map { String(decoding: $0.state.payload, as: UTF8.self) }
    }
    #expect(set("1", 0))
    #expect(set("2", 1))
    #expect(superseded() == ["1"], "nothing was connected")
    table.connected(now: 2, spreadNanoseconds: 0)
    let second = next(2)
    #expect(second?.state.payload == Array("2".utf8))
    #expect(set("3", 3))
    #expect(superseded() == [], "it is with the broker at this moment")
    table.acknowledged("o", version: second?.version ?? 0)
    #expect(superseded() == [] && table.undelivered.map(\.state.payload) == [Array("3".utf8)])
    let third = next(4)
    #expect(set("4", 5))
    #expect(set("5", 6))
    #expect(superseded() == ["4"])
    table.disconnected()
    #expect(superseded() == ["3"], "its acknowledgment never came")
    #expect(third?.state.payload == Array("3".utf8))
    table.connected(now: 20_000_000_000, spreadNanoseconds: 0)
    #expect(next(20_000_000_000) == nil, "too old to be the newest")
    #expect(superseded() == ["5"])
    #expect(table.count == 0 && table.bytes == 0)
    #expect(!set(String(repeating: "x", count: 40), 7))
    #expect(table.bytes == 0)
  }

  @Test func `a state that changes while its predecessor is in flight goes next, and only once`() throws {
    var table = RetainedTable(limit: 10)
    table.connected(now: 0, spreadNanoseconds: 0)
    _ = table.set(RetainedState(topic: "a", payload: [1], urgency: .spread), isTransient: false, now: 0)
    let due = table.next(now: 0)
    let first = try #require(due)
    _ = table.set(RetainedState(topic: "a", payload: [2], urgency: .spread), isTransient: false, now: 0)
    _ = table.set(RetainedState(topic: "a", payload: [3], urgency: .spread), isTransient: false, now: 0)
    let whileInFlight = table.next(now: 0)
    #expect(whileInFlight == nil)
    table.acknowledged("a", version: first.version)
    let afterwards = table.next(now: 0)?.state.payload
    #expect(afterwards == [3])
    let thenNothing = table.next(now: 0)
    #expect(thenNothing == nil)
  }

  @Test func `states are spread evenly after a connect`() {
    var table = RetainedTable(limit: 100)
    for number in 0..<60 {
      _ = table.set(RetainedState(topic: "t\(number)", payload: [1], urgency: .spread), isTransient: false, now: 0)
    }
    table.connected(now: 0, spreadNanoseconds: 60_000_000_000)
    var sent = 0
    for second in 0..<60 {
      while table.next(now: Int64(second) * 1_000_000_000) != nil { sent += 1 }
      #expect(sent == second + 1)
    }
  }

  @Test func `a stream counts what is delivered, and leaps only over what was dropped knowingly`() throws {
    var table = StreamTable(epoch: "e", openings: [])
    try table.take(1, of: "alert", mayLeap: false)
    try table.take(2, of: "alert", mayLeap: false)
    #expect(throws: StreamTable.Refusal.gap(expected: 3)) { try table.take(5, of: "alert", mayLeap: false) }
    try table.take(6, of: "alert", mayLeap: false)
    try table.take(9, of: "alert", mayLeap: true)
    #expect(throws: StreamTable.Refusal.repeated(last: 9)) { try table.take(9, of: "alert", mayLeap: true) }
    #expect(table.head(of: "alert") == StreamHead(stream: "alert", epoch: "e", last: 9, deliveredThrough: 0))
    table.settled(2, of: "alert")
    #expect(table.toLookUp.isEmpty, "1 is still open")
    table.settled(1, of: "alert")
    #expect(table.toLookUp == ["alert"])
    table.lookedUp("alert", first: 6)
    #expect(table.head(of: "alert").deliveredThrough == 5)
    table.lookedUp("alert", first: nil)
    #expect(table.head(of: "alert").deliveredThrough == 9)
  }

  @Test func `old notices are pruned, alerts and what is undelivered are kept, and the count goes on`() throws {
    let folder = try TemporaryFolder()
    let opener = LedgerOpener(folder: folder.path, boot: "b", wallMilliseconds: 0, digest: testDigest)
    var (ledger, _) = try opener.open()
    var entry = LedgerEntry()
    for row in Int64(1)...8 {
      let isAlert = row <= 2
      var stored = StoredMessage(
        row: row, root: row,
        message: OutgoingMessage(
          stream: isAlert ? "alert" : "person", sequence: UInt64(isAlert ? row : row - 2), id: "\(row)", revision: 1,
          topic: "t", draft: [1], detectedNanoseconds: row),
        boot: "b", createdMilliseconds: 0)
      stored.isFrozen = true
      stored.acknowledgedMilliseconds = row == 5 ? nil : 1
      entry.messages.append(stored)
    }
    try ledger.write(entry)
    var retention = Ledger.Retention(
      historyRows: 100, noticeAgeNanoseconds: 100, boot: "b", nowNanoseconds: 106, wallMilliseconds: 0)
    // Rows 1 to 5 are too old: of these 3 and 4 are delivered notices.
    #expect(try ledger.prune(retention, excess: 0, limit: 100) == 2)
    #expect(try ledger.prune(retention, excess: 0, limit: 100) == 0)
    var proof = try LedgerReader(stateFolder: folder.path).verify(digest: testDigest)
    #expect(proof.isWhole)
    #expect(proof.streams.map(\.prunedThrough) == [0, 2])
    #expect(proof.streams.map(\.messages) == [2, 4])
    retention.nowNanoseconds = 1_000
    #expect(try ledger.prune(retention, excess: 0, limit: 100) == 3)
    proof = try LedgerReader(stateFolder: folder.path).verify(digest: testDigest)
    #expect(proof.streams.map(\.deliveredThrough) == [2, 2])
    try ledger.write(
      {
        var settled = LedgerEntry()
        settled.acknowledged = [(5, 7)]
        return settled
      }())
    #expect(try ledger.prune(retention, excess: 0, limit: 100) == 1)
    _ = consume ledger
    let reopened = try opener.open()
    ledger = reopened.ledger
    #expect(reopened.opening.streams.map(\.last) == [2, 6], "a stream without messages keeps its count")
  }
}
