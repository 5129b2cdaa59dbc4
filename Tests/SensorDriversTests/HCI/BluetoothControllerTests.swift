import Glibc
import Observations
import SensorDrivers
import Testing

@Suite(.serialized, .enabled(if: BluetoothPeer.isExpected, BluetoothPeer.reason))
struct `A software Bluetooth controller on a pseudo-terminal` {
  /// Runs a receiver on a port in real time.
  private struct Site: ~Copyable {
    let port: SerialPort
    var receiver: BeaconReceiver
    var heard: [String: [Int8]] = [:]
    var aliveCount = 0
    var deafCount = 0

    init(path: String, settings: BeaconReceiver.Settings = BeaconReceiver.Settings()) throws {
      port = try SerialPort(path: path, line: SerialLine(baud: 1_000_000))
      receiver = BeaconReceiver(sensor: "gate-north", settings: settings)
      var actions = DriverActions()
      receiver.opened(at: Self.now(), into: &actions)
      carryOut(actions)
    }

    static func now() -> MonotonicTime {
      var time = timespec()
      _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
      return MonotonicTime(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    /// Runs until `isDone`, and says whether that came within 30 s.
    mutating func run(until isDone: (borrowing Site) -> Bool) -> Bool {
      let end = Self.now() + .seconds(30)
      var buffer = [UInt8](repeating: 0, count: 4096)
      while !isDone(self) {
        let start = Self.now()
        guard start < end else { return false }
        let next = min(receiver.nextDeadline ?? end, end)
        var waiting = pollfd(fd: port.fileDescriptor, events: Int16(POLLIN), revents: 0)
        _ = unsafe poll(&waiting, 1, Int32(max(0, (next - start).milliseconds) + 1))
        var actions = DriverActions()
        var span = buffer.mutableSpan
        if case .bytes(let count) = port.read(into: &span) {
          receiver.received(buffer.span.extracting(0..<count), at: Self.now(), into: &actions)
        }
        if let deadline = receiver.nextDeadline, deadline <= Self.now() {
          receiver.wake(at: Self.now(), into: &actions)
        }
        if actions.reopen { receiver.opened(at: Self.now(), into: &actions) }
        carryOut(actions)
      }
      return true
    }

    private mutating func carryOut(_ actions: DriverActions) {
      if !actions.transmit.isEmpty { _ = port.write(actions.transmit.span) }
      for timed in actions.observations {
        switch timed.observation {
        case .sighting(_, let sighting): heard[BLEVectors.hex(sighting.tag), default: []].append(sighting.signal)
        case .alive: aliveCount += 1
        case .fault(_, .deaf): deafCount += 1
        default: break
        }
      }
    }
  }

  @Test(arguments: [false, true]) func `is started, and all its beacons are heard`(isExtended: Bool) throws {
    let peer = try BluetoothPeer(beacons: 5, isExtended: isExtended)
    let expected = Set((0..<5).map(BLEVectors.identifier))
    // The second receiver finds a controller that is scanning already.
    for _ in 1...2 {
      var site = try Site(path: peer.path)
      let isDone = site.run { site in site.heard.count >= 5 && site.heard.values.allSatisfy { $0.count >= 3 } }
      #expect(isDone)
      #expect(Set(site.heard.keys) == expected)
      #expect(site.heard.values.joined().allSatisfy { $0 == -50 })
      #expect(site.aliveCount >= 1)
      #expect(site.deafCount == 0)
      let counters = site.receiver.counters
      #expect(counters.timeouts == 0)
      #expect(counters.checksumErrors == 0)
    }
  }

  @Test func `that stops to answer is deaf, and is heard again when it goes on`() throws {
    let peer = try BluetoothPeer(beacons: 1, isExtended: false)
    var settings = BeaconReceiver.Settings()
    settings.commandTimeout = .seconds(2)
    settings.quietBeforeProbe = .seconds(2)
    var site = try Site(path: peer.path, settings: settings)
    let isHeard = site.run { !$0.heard.isEmpty }
    #expect(isHeard)
    peer.suspend()
    let isDeaf = site.run { $0.deafCount == 1 }
    #expect(isDeaf)
    let aliveBefore = site.aliveCount
    site.heard.removeAll()
    peer.resume()
    let isHeardAgain = site.run { !$0.heard.isEmpty && $0.aliveCount > aliveBefore }
    #expect(isHeardAgain)
    #expect(site.deafCount == 1)
  }
}
