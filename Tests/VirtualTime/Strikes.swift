import Delivery
import FaultyDisk
import Observations

/// The faults, and how they end.
extension Life {
  /// How often each of them strikes, out of all.
  private static let weights: [(fault: WorldFault, weight: Int)] = [
    (.connectionCut, 4), (.brokerDown, 3), (.acknowledgmentLost, 3), (.acknowledgmentDuplicated, 3),
    (.brokerHangs, 2), (.brokerSlow, 2), (.publishRefused, 2), (.connectRefused, 1), (.oldProtocol, 1),
    (.takenOver, 2), (.smallPackets, 1), (.diskSlow, 2), (.writeFails, 2), (.shortWrite, 1), (.syncFails, 2),
    (.readFails, 1), (.diskFull, 2), (.readOnly, 1), (.killed, 2), (.powerCut, 1), (.tornPowerCut, 2),
    (.restarted, 1), (.clockStep, 2), (.clockLost, 1), (.sensorSilent, 1), (.sensorWrong, 1), (.sightingFlood, 1),
  ]
  private static let lots = weights.flatMap { Array(repeating: $0.fault, count: $0.weight) }

  /// A fault strikes, and the next one is drawn. Often two come close together.
  func strike() {
    guard drainsBy == nil else { return }
    schedule.add(
      .fault,
      at: clock.now + (chance.isOne(in: 3) ? chance.between(.second, .minute) : chance.between(.minute, 3 * .hour)))
    // The worst is what comes together: a process that dies while the disk fails.
    let isWorse = world.trouble != nil && chance.isOne(in: 4)
    let fault = isWorse ? chance.pick([.killed, .killed, .powerCut, .tornPowerCut]) : chance.pick(Life.lots)
    guard world.active[fault] == nil else { return }
    guard begin(fault) else { return }
    world.faults[fault, default: 0] += 1
    judge.note(UInt64(fault.rawValue.utf8.count), UInt64(bitPattern: clock.now))
    tell("FAULT \(fault.rawValue)")
  }

  /// It goes on for that long.
  private func lasts(_ fault: WorldFault, _ nanoseconds: Int64) {
    world.number += 1
    world.active[fault] = world.number
    schedule.add(.faultEnds(fault, number: world.number), at: clock.now + nanoseconds)
  }

  /// - Returns: whether there was anything to fail.
  private func begin(_ fault: WorldFault) -> Bool {
    switch fault {
    case .brokerDown, .brokerHangs, .brokerSlow, .connectionCut, .acknowledgmentLost, .acknowledgmentDuplicated,
      .publishRefused, .connectRefused, .oldProtocol, .takenOver, .smallPackets:
      return strikeBroker(fault)
    case .diskSlow, .writeFails, .shortWrite, .syncFails, .readFails, .diskFull, .readOnly:
      return strikeDisk(fault)
    case .killed, .powerCut, .tornPowerCut, .restarted:
      return strikeProcess(fault)
    case .clockStep:
      let step = chance.pick([-7_200_000, -30_000, -1_500, 1_500, 30_000, 7_200_000]) as Int64
      clock.step(milliseconds: step + Int64(chance.below(1_000)))
    case .clockLost:
      clock.quality = .unsynchronized
      lasts(fault, chance.between(10 * .minute, 6 * .hour))
    case .sensorSilent:
      sensors.isSilent = true
      lasts(fault, chance.between(10 * .minute, 3 * .hour))
    case .sensorWrong:
      sensors.isWrong = true
      lasts(fault, chance.between(10 * .minute, 2 * .hour))
    case .sightingFlood: schedule.add(.sensor(.flood(left: 10 + chance.below(30))), at: clock.now)
    }
    return true
  }

  private func strikeProcess(_ fault: WorldFault) -> Bool {
    guard let process, !process.hasStopped, !process.isStopping else { return false }
    switch fault {
    case .killed: kill(nil)
    case .powerCut: kill(chance.isOne(in: 2) ? .nothingUnsynced : .everythingWritten)
    case .tornPowerCut: kill(.torn(seed: chance.next()))
    default: restart()
    }
    return true
  }

  private func strikeBroker(_ fault: WorldFault) -> Bool {
    let index = chance.below(world.brokers.count)
    let clients = world.clients.filter { $0.isAlive && $0.terms.broker == index }
    switch fault {
    case .brokerDown:
      world.brokers[index].isDown = true
      flushSome()
      for client in clients { cut(client) }
      lasts(fault, chance.between(.minute, 8 * .hour))
    case .brokerHangs:
      world.brokers[index].hangs = true
      lasts(fault, chance.between(10 * .second, .hour))
    case .brokerSlow:
      world.brokers[index].latency = chance.between(200_000_000, 20 * .second)
      lasts(fault, chance.between(.minute, 2 * .hour))
    case .connectionCut:
      guard !clients.isEmpty else { return false }
      flushSome()
      for client in clients { cut(client) }
    case .takenOver:
      guard let client = clients.first else { return false }
      client.arrive([.dismissed(reason: 142)])
      cut(client)
    case .acknowledgmentLost: world.brokers[index].lostAcknowledgments += 1 + chance.below(3)
    case .acknowledgmentDuplicated: world.brokers[index].doubledAcknowledgments += 1 + chance.below(10)
    case .publishRefused:
      world.brokers[index].refusesMessages = true
      lasts(fault, chance.between(.minute, 2 * .hour))
    case .connectRefused:
      world.brokers[index].refusesConnects = true
      for client in clients { cut(client) }
      lasts(fault, chance.between(.minute, 2 * .hour))
    case .oldProtocol:
      world.brokers[index].isOld = true
      for client in clients { cut(client) }
      lasts(fault, chance.between(.hour, 8 * .hour))
    case .smallPackets:
      world.brokers[index].mostBytes = 400 + chance.below(2_000)
      for client in clients { cut(client) }
      lasts(fault, chance.between(.minute, 3 * .hour))
    default: break
    }
    return true
  }

  private func strikeDisk(_ fault: WorldFault) -> Bool {
    guard world.trouble == nil else { return false }
    let failure: FaultyDisk.Failure = chance.isOne(in: 2) ? .inputOutput : .full
    let times = chance.isOne(in: 2) ? 1 + chance.below(4) : Int.max
    let after = chance.below(12)
    switch fault {
    case .diskSlow: world.trouble = .slow(chance.between(20_000_000, 20 * .second))
    case .writeFails: world.trouble = .fails(.write, failure, after: after, times: times)
    case .shortWrite: world.trouble = .fails(.write, .short, after: after, times: times)
    case .syncFails: world.trouble = .fails(.sync, .inputOutput, after: after, times: times)
    case .readFails: world.trouble = .fails(.read, .inputOutput, after: after, times: times)
    case .diskFull: world.trouble = .full(room: chance.isOne(in: 2) ? 0 : chance.below(100_000))
    case .readOnly: world.trouble = .readOnly
    default: break
    }
    apply(world.trouble)
    lasts(fault, chance.between(.second, 2 * .hour))
    return true
  }

  /// The disk, perhaps another process's by now, is in trouble.
  func apply(_ trouble: World.DiskTrouble?) {
    switch trouble {
    case .slow(let nanoseconds):
      disk.slow(.sync, nanoseconds: nanoseconds)
      disk.slow(.write, nanoseconds: nanoseconds / 50)
    case .fails(let call, let failure, let after, let times): disk.fail(call, after: after, times: times, with: failure)
    case .full(let room): disk.limit(bytes: disk.usedBytes + room)
    case .readOnly: disk.makeReadOnly()
    case nil: break
    }
    if case .fails(.read, _, _, _)? = trouble { judge.readsFail() }
  }

  func healDisk() {
    world.trouble = nil
    disk.heal()
    disk.slow(.sync, nanoseconds: 0)
    disk.slow(.write, nanoseconds: 0)
  }

  /// A fault ends.
  func heal(_ fault: WorldFault, _ number: Int) {
    guard world.active[fault] == number else { return }
    world.active[fault] = nil
    tell("over: \(fault.rawValue)")
    for index in world.brokers.indices {
      switch fault {
      case .brokerDown: world.brokers[index].isDown = false
      case .brokerHangs: world.brokers[index].hangs = false
      case .brokerSlow: world.brokers[index].latency = World.Broker().latency
      case .publishRefused: world.brokers[index].refusesMessages = false
      case .connectRefused: world.brokers[index].refusesConnects = false
      case .oldProtocol: world.brokers[index].isOld = false
      case .smallPackets: world.brokers[index].mostBytes = nil
      default: break
      }
    }
    switch fault {
    case .diskSlow, .writeFails, .shortWrite, .syncFails, .readFails, .diskFull, .readOnly:
      healDisk()
    case .clockLost: clock.setRight()
    case .sensorSilent: sensors.isSilent = false
    case .sensorWrong: sensors.isWrong = false
    default: break
    }
  }
}
