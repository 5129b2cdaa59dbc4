import Foundation
import Glibc
import Observations
import Testing

@testable import Gateway

/// A service manager's end of the readiness protocol: a datagram socket at `address`.
private final class ServiceManager {
  let address: String
  let descriptor: Int32

  /// - Parameter address: a path, or `@` and a name in the abstract namespace.
  init(at address: String) throws {
    self.address = address
    descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var name = sockaddr_un()
    name.sun_family = sa_family_t(AF_UNIX)
    var path = Array(address.utf8)
    if path.first == UInt8(ascii: "@") { path[0] = 0 }
    unsafe withUnsafeMutableBytes(of: &name.sun_path) { unsafe $0.copyBytes(from: path) }
    let length = socklen_t(2 + path.count)
    let result = unsafe withUnsafePointer(to: &name) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe bind(descriptor, $0, length) }
    }
    try #require(result == 0)
  }

  deinit { close(descriptor) }

  /// The next message that is there, or nil.
  func next() -> String? {
    var bytes = [UInt8](repeating: 0, count: 512)
    let count = unsafe recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
    return count < 0 ? nil : String(decoding: bytes.prefix(count), as: UTF8.self)
  }

  func notifier(_ more: [String: String] = [:]) -> ServiceNotifier {
    ServiceNotifier { name in name == "NOTIFY_SOCKET" ? self.address : more[name] }
  }
}

struct ServiceNotifierTests {
  private static func folder() throws -> URL {
    let folder = FileManager.default.temporaryDirectory.appending(path: "m-\(UUID().uuidString.prefix(8))@1")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    return folder
  }

  @Test func `speaks to a socket whose path holds an at sign`() throws {
    let folder = try Self.folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let manager = try ServiceManager(at: folder.appending(path: "notify").path)
    let notifier = manager.notifier()
    notifier.ready("watching")
    notifier.reloading(at: MonotonicTime(nanoseconds: 12_345_678))
    notifier.stopping()
    notifier.extendStart(by: .minutes(3))
    #expect(manager.next() == "READY=1\nSTATUS=watching")
    #expect(manager.next() == "RELOADING=1\nMONOTONIC_USEC=12345")
    #expect(manager.next() == "STOPPING=1")
    #expect(manager.next() == "EXTEND_TIMEOUT_USEC=180000000")
    #expect(manager.next() == nil)
  }

  @Test func `speaks to a socket in the abstract namespace`() throws {
    let manager = try ServiceManager(at: "@mimamori-test-\(UUID().uuidString)")
    manager.notifier().watchdog()
    #expect(manager.next() == "WATCHDOG=1")
  }

  @Test func `a sign of life never waits for a service manager that does not read`() throws {
    let manager = try ServiceManager(at: "@mimamori-test-\(UUID().uuidString)")
    let notifier = manager.notifier()
    // The kernel keeps 10 datagrams, or what net.unix.max_dgram_qlen says; the rest would have to wait.
    let clock = ContinuousClock()
    let taken = clock.measure { for _ in 0..<3000 { notifier.watchdog() } }
    #expect(taken < .seconds(5))
    #expect(manager.next() == "WATCHDOG=1")
  }

  @Test func `asks for a sign of life twice in the service manager's time`() {
    let variables = ["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "\(getpid())"]
    #expect(ServiceNotifier { variables[$0] }.watchdogInterval == .seconds(15))
  }

  @Test(arguments: [
    [:], ["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"], ["WATCHDOG_USEC": "soon"], ["WATCHDOG_USEC": "0"],
  ])
  func `is watched by nobody who does not say so`(variables: [String: String]) {
    #expect(ServiceNotifier { variables[$0] }.watchdogInterval == nil)
  }
}
