import Foundation
import Glibc
import Locks
import Observations
import Testing

@testable import SensorDrivers

/// Ports whose devices take nothing: closing one lasts until it is let go, twenty seconds at most. No pseudo-terminal's
/// does, so that the wait of close(2) is played.
private final class StuckDevices: Sendable {
  private let gate = DispatchSemaphore(value: 0)
  private let unsent = Locked(8)
  private let counts = Locked((atOnce: 0, mostAtOnce: 0, closed: 0))

  var atOnce: Int { counts.withLock { $0.atOnce } }
  var closed: Int { counts.withLock { $0.closed } }
  var mostAtOnce: Int { counts.withLock { $0.mostAtOnce } }

  func makeCloser() -> PortCloser {
    PortCloser(
      unsentBytes: { [self] _ in unsent.withLock { $0 } },
      closeDescriptor: { [self] descriptor in
        guard unsent.withLock({ $0 }) > 0 else {
          _ = Glibc.close(descriptor)
          return
        }
        counts.withLock {
          $0.atOnce += 1
          $0.mostAtOnce = max($0.mostAtOnce, $0.atOnce)
        }
        _ = gate.wait(timeout: .now() + 20)
        _ = Glibc.close(descriptor)
        counts.withLock {
          $0.atOnce -= 1
          $0.closed += 1
        }
      })
  }

  /// Devices take what is written to them from now on, or do not.
  func take(_ areTaking: Bool) { unsent.withLock { $0 = areTaking ? 0 : 8 } }

  func letGo(_ count: Int) {
    for _ in 0..<count { gate.signal() }
  }
}

@Suite struct PortCloserTests {
  /// Opens the port and closes it again. Returns why it could not be opened, if it could not.
  private func use(_ path: String, _ closer: PortCloser) -> SensorDriversError? {
    do throws(SensorDriversError) {
      let port = try SerialPort(path: path, line: SerialLine(baud: 9600), closer: closer)
      _ = port.write([1].span)
      return nil
    } catch {
      return error
    }
  }

  /// Waits for a condition, twenty seconds at most.
  private func waitUntil(_ condition: () -> Bool) -> Bool {
    let start = ContinuousClock.now
    while !condition() {
      guard ContinuousClock.now - start < .seconds(20) else { return false }
      usleep(1000)
    }
    return true
  }

  @Test func `a device that takes nothing keeps nobody waiting, and is not opened before it is closed`() throws {
    let devices = StuckDevices()
    let closer = devices.makeCloser()
    let terminal = try PseudoTerminal()
    let link = FileManager.default.temporaryDirectory.appending(path: "mimamori-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: link) }
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: terminal.path)
    let start = ContinuousClock.now
    #expect(use(terminal.path, closer) == nil)
    for path in [terminal.path, link] {
      let error = try #require(use(path, closer))
      #expect(error.cause == .portLost)
      #expect(error.description.hasPrefix("Failed to open the serial port \(path): it is still being closed"))
      #expect(error.reason.contains("its device does not take what was written to it"))
    }
    #expect(waitUntil { devices.atOnce == 1 })
    // Others are opened, and closed at once.
    devices.take(true)
    let other = try PseudoTerminal()
    #expect(use(other.path, closer) == nil)
    #expect(use(other.path, closer) == nil)
    #expect(devices.closed == 0)
    #expect(ContinuousClock.now - start < .seconds(10))
    devices.letGo(1)
    #expect(waitUntil { use(terminal.path, closer) == nil })
    #expect(use(link, closer) == nil)
    #expect(devices.closed == 1)
  }

  @Test func `several devices that take nothing are closed one after another, again and again`() throws {
    let devices = StuckDevices()
    let closer = devices.makeCloser()
    let terminals = try (0..<3).map { _ in try PseudoTerminal() }
    for round in 1...2 {
      for terminal in terminals { #expect(use(terminal.path, closer) == nil) }
      for terminal in terminals { #expect(use(terminal.path, closer)?.cause == .portLost) }
      devices.letGo(terminals.count)
      #expect(waitUntil { terminals.allSatisfy { !closer.isClosing($0.path) } })
      #expect(devices.closed == round * terminals.count)
    }
    #expect(devices.mostAtOnce == 1)
  }

  @Test func `the kernel tells what a port has not sent, and 0 where it knows nothing`() throws {
    let terminal = try PseudoTerminal()
    let port = try SerialPort(path: terminal.path, line: SerialLine(baud: 9600))
    #expect(port.write([1, 2, 3].span) == .written(3))
    #expect(SerialPort.unsentBytes(port.fileDescriptor) == 0)
    #expect(SerialPort.unsentBytes(-1) == 0)
  }
}
