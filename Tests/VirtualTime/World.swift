import Alerts
import Delivery
import FaultyDisk

/// What the gateway lives in, and how much of it fails at this moment.
struct World {
  /// One broker, and what is wrong with it.
  struct Broker {
    var isDown = false
    var hangs = false
    var refusesConnects = false
    var isOld = false
    /// Refuses what is published, mostly.
    var refusesMessages = false
    var mostBytes: Int?
    /// One way, in nanoseconds.
    var latency: Int64 = 15_000_000
    var lostAcknowledgments = 0
    var doubledAcknowledgments = 0
  }

  /// What is wrong with the disk.
  enum DiskTrouble {
    case slow(Int64)
    case fails(FaultyDisk.Call, FaultyDisk.Failure, after: Int, times: Int)
    case full(room: Int)
    case readOnly
  }

  var brokers: [Broker]
  let hasFallback: Bool
  let withCAP: Bool
  let keepAliveSeconds: Int
  let observationBatch: Int64
  let receiveMaximum: Int?
  var trouble: DiskTrouble?
  var clients: [VirtualClient] = []
  /// When the last packet of a connection comes to the broker: nothing overtakes on a connection.
  var lastArrival: Int64 = 0
  var faults: [WorldFault: Int] = [:]
  /// Numbers each fault, so that its end is known from that of another.
  var number = 0
  var active: [WorldFault: Int] = [:]
  /// A planted fault: messages of alerts that came, and a revision that is held back.
  var alertsHeard = 0
  var isPlanted = false
  var heldBack: WireMessage?
  var stuckID: String?

  init(_ chance: inout Chance) {
    hasFallback = chance.isOne(in: 4)
    brokers = Array(repeating: Broker(), count: hasFallback ? 2 : 1)
    withCAP = chance.isOne(in: 3)
    keepAliveSeconds = chance.pick([60, 300, 900])
    observationBatch = chance.pick([10, 30, 60]) * .minute
    receiveMaximum = chance.pick([nil, nil, 1, 3, 10])
  }

  mutating func heal() {
    brokers = Array(repeating: Broker(), count: brokers.count)
    active = [:]
  }
}

// MARK: The broker's end

extension Life {
  /// The gateway begins to connect.
  func begin(_ terms: ConnectionTerms) -> VirtualAttempt {
    let attempt = VirtualAttempt(terms)
    let broker = world.brokers[terms.broker]
    let takes =
      broker.isDown ? chance.between(10_000_000, 3 * .second) : broker.hangs ? 10 * .second : 4 * broker.latency
    schedule.add(.attemptEnds(attempt), at: clock.now + takes)
    return attempt
  }

  func end(_ attempt: VirtualAttempt) {
    guard !attempt.isOver, let process else { return }
    let broker = world.brokers[attempt.terms.broker]
    process.service.link.wake.signal()
    isLoopWoken = true
    var terms = attempt.terms
    if broker.isDown {
      return attempt.finish(.failed(BrokerProblem("unreachable", "it is down"), closedWithoutAnswer: false))
    }
    if broker.hangs {
      return attempt.finish(.failed(BrokerProblem("no_answer", "it hangs"), closedWithoutAnswer: false))
    }
    if broker.isOld, terms.version == .five {
      if chance.isOne(in: 2) {
        return attempt.finish(.failed(BrokerProblem("closed", "it closed"), closedWithoutAnswer: true))
      }
      return attempt.finish(.answered(VirtualClient(terms, reason: 132)))
    }
    if broker.refusesConnects {
      return attempt.finish(.answered(VirtualClient(terms, reason: chance.pick([135, 136, 137]))))
    }
    if terms.version == .five {
      terms.receiveMaximum = world.receiveMaximum
      terms.maximumPacketBytes = broker.mostBytes
      terms.topicAliases = 10
    }
    terms.sessionPresent = chance.isOne(in: 2)
    let client = VirtualClient(terms, reason: 0)
    world.clients.removeAll { !$0.isAlive }
    world.clients.append(client)
    schedule.add(.sign(client), at: clock.now + Int64(world.keepAliveSeconds) * .second)
    tell("broker \(terms.broker) accepts connection \(terms.number)")
    attempt.finish(.answered(client))
  }

  /// What the gateway has written is on its way.
  func pickUp(_ client: VirtualClient) {
    let count = client.newlyWritten()
    guard count > 0 else { return }
    let arrival = max(clock.now + world.brokers[client.terms.broker].latency, world.lastArrival)
    world.lastArrival = arrival
    for _ in 0..<count { schedule.add(.packetArrives(client), at: arrival) }
  }

  func sign(_ client: VirtualClient) {
    guard client.isAlive else { return }
    if !world.brokers[client.terms.broker].hangs { client.arrive([]) }
    schedule.add(.sign(client), at: clock.now + Int64(world.keepAliveSeconds) * .second)
  }

  /// A connection breaks.
  func cut(_ client: VirtualClient) {
    if client.isAlive { tell("connection \(client.terms.number) breaks") }
    client.cut()
  }

  /// Of what is on its way some still arrives, and no acknowledgment comes back.
  func flushSome() {
    for client in world.clients where client.isAlive {
      pickUp(client)
      guard !world.brokers[client.terms.broker].hangs else { continue }
      for _ in 0..<chance.below(4) {
        guard case .publish(_, let message)? = client.nextWritten() else { break }
        deliver(message)
      }
    }
  }

  /// A packet is at the broker.
  func hear(_ packet: VirtualClient.Packet, from client: VirtualClient) {
    let index = client.terms.broker
    let broker = world.brokers[index]
    guard client.isAlive, !broker.hangs else { return }
    let back = clock.now + broker.latency
    switch packet {
    case .subscribe(let number):
      schedule.add(.answer(client, .subscribed(packet: number, reason: 1)), at: back)
    case .publish(let number, let message):
      if broker.refusesMessages, client.terms.version == .five, !message.isRetained, chance.isOne(in: 2) {
        let reason: Int32 = chance.pick([135, 151])
        return schedule.add(.answer(client, .acknowledged(packet: number, reason: reason)), at: back)
      }
      guard hear(message) else { return }
      if broker.lostAcknowledgments > 0 {
        world.brokers[index].lostAcknowledgments -= 1
        return
      }
      schedule.add(.answer(client, .acknowledged(packet: number, reason: 0)), at: back)
      guard broker.doubledAcknowledgments > 0 else { return }
      world.brokers[index].doubledAcknowledgments -= 1
      schedule.add(
        .answer(client, .acknowledged(packet: number, reason: 0)), at: back + chance.between(0, broker.latency))
    }
  }

  /// A message is heard, by the planted fault's ears.
  ///
  /// - Returns: whether it is acknowledged.
  private func hear(_ message: WireMessage) -> Bool {
    var message = message
    let isAlert = message.id != nil && message.topic.hasPrefix(Site.topics.base)
    if isAlert { world.alertsHeard += 1 }
    let isMarked = isAlert && world.alertsHeard >= 5 && !world.isPlanted && judge.isNews(message)
    if isMarked { world.isPlanted = true }
    switch plant {
    case .lostMessage where isMarked: return true
    case .alteredBytes where isMarked: message.payload[0] ^= 1
    case .changedDuplicate where isMarked:
      deliver(message)
      message.payload[0] ^= 1
    case .swappedRevisions where isAlert:
      if let held = world.heldBack, held.id == message.id, held.topic == message.topic {
        world.heldBack = nil
        deliver(message)
        message = held
      } else if world.heldBack == nil, judge.isNews(message), !message.topic.contains("/cap"),
        message.payload.firstRange(of: Array(#""message":"update""#.utf8)) != nil
      {
        world.heldBack = message
        return true
      }
    case .stuckQueue where isMarked || message.id != nil && message.id == world.stuckID:
      world.stuckID = message.id
      deliver(message)
      return false
    default: break
    }
    deliver(message)
    return true
  }

  private func deliver(_ message: WireMessage) {
    judged { () throws(Breach) in try judge.hears(message) }
    if let id = message.id { tell("heard \(id) revision \(message.revision ?? 0)") }
  }
}
