import Foundation
import Glibc
import Testing

@testable import Gateway

@Suite struct `Descriptors that the service manager keeps` {
  @Test func `are handed over with their name, and forgotten by it`() throws {
    let address = "@mimamori-\(UUID().uuidString)"
    let manager = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    defer { close(manager) }
    var name = sockaddr_un()
    name.sun_family = sa_family_t(AF_UNIX)
    let path = [0] + Array(address.utf8.dropFirst())
    unsafe withUnsafeMutableBytes(of: &name.sun_path) { unsafe $0.copyBytes(from: path) }
    let bound = unsafe withUnsafePointer(to: &name) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(manager, $0, socklen_t(2 + path.count))
      }
    }
    try #require(bound == 0)
    func next() -> String {
      var bytes = [UInt8](repeating: 0, count: 512)
      let count = unsafe recv(manager, &bytes, bytes.count, Int32(MSG_DONTWAIT))
      return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
    var ends: [Int32] = [-1, -1]
    _ = unsafe pipe(&ends)
    defer { close(ends[0]) }
    func isHeld() -> Bool {
      var entry = pollfd(fd: ends[0], events: Int16(POLLIN), revents: 0)
      return unsafe poll(&entry, 1, 0) == 0
    }

    let notifier = ServiceNotifier { $0 == "NOTIFY_SOCKET" ? address : nil }
    notifier.keep(ends[1], as: "gpio-/dev/gpiochip0-7-high-off")
    close(ends[1])
    // The message that waits to be read holds it.
    #expect(isHeld())
    #expect(next() == "FDSTORE=1\nFDNAME=gpio-/dev/gpiochip0-7-high-off")
    #expect(!isHeld())
    notifier.forget("gpio-/dev/gpiochip0-7-high-off")
    #expect(next() == "FDSTOREREMOVE=1\nFDNAME=gpio-/dev/gpiochip0-7-high-off")
  }

  @Test(arguments: [
    [:], ["LISTEN_FDS": "2"], ["LISTEN_FDS": "2", "LISTEN_PID": "1"], ["LISTEN_FDS": "-1", "LISTEN_PID": "self"],
    ["LISTEN_FDS": "many", "LISTEN_PID": "self"], ["LISTEN_FDS": "100000", "LISTEN_PID": "self"],
  ])
  func `are not looked for where there are none for this process`(environment: [String: String]) {
    let found = ServiceNotifier.keptDescriptors { name in
      environment[name].map { $0 == "self" ? "\(getpid())" : $0 }
    }
    #expect(found.isEmpty)
  }

  @Test func `begin with the third, in the order of their names`() {
    let environment = ["LISTEN_FDS": "3", "LISTEN_PID": "\(getpid())", "LISTEN_FDNAMES": "gpio-a:gpio-b"]
    let found = ServiceNotifier.keptDescriptors { environment[$0] }
    #expect(found.map(\.name) == ["gpio-a", "gpio-b", "unknown"])
    #expect(found.map(\.descriptor) == [3, 4, 5])
  }
}
