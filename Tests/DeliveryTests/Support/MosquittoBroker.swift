import Foundation
import Testing

/// A real mosquitto on a port of its own, which can be stopped and started.
final class MosquittoBroker {
  let port: Int
  private let folder: TemporaryFolder
  private var process: Process?

  /// - Parameter extra: further lines of the configuration. `FOLDER` stands for its folder.
  init(extra: String = "", allowAnonymous: Bool = true, listener: String = "") throws {
    folder = try TemporaryFolder()
    port = freePort()
    let configuration = """
      listener \(port) 127.0.0.1
      \(listener.replacingOccurrences(of: "FOLDER", with: folder.path))
      allow_anonymous \(allowAnonymous)
      persistence true
      persistence_location \(folder.path)/
      max_queued_messages 100000
      user root
      \(extra.replacingOccurrences(of: "FOLDER", with: folder.path))
      """
    try configuration.write(toFile: folder.path + "/mosquitto.conf", atomically: true, encoding: .utf8)
  }

  var path: String { folder.path }

  func start() throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/sbin/mosquitto")
    process.arguments = ["-c", folder.path + "/mosquitto.conf"]
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try runChild(process)
    self.process = process
    try #require(eventually { canConnect(port: port) }, "mosquitto does not listen on port \(port)")
  }

  /// Mosquitto 2.0 listens a moment before its loop begins, and forgets a signal that comes in between: it is told until
  /// it ends.
  func stop() {
    while let process, process.isRunning {
      process.terminate()
      usleep(20_000)
    }
    process?.waitUntilExit()
    process = nil
  }

  deinit { stop() }
}

/// What a subscriber received.
struct Received: Sendable, Hashable {
  var topic: String
  var payload: [UInt8]
  var isRetained: Bool

  var text: String { String(decoding: payload, as: UTF8.self) }
}

/// An independent subscriber: a child that keeps its session over the broker's restarts.
final class Subscriber {
  let received = Arrivals<Received>()
  private let process = Process()

  /// Returns once it is subscribed.
  init(port: Int, filter: String = "#", login: [String] = []) throws {
    process.executableURL = URL(fileURLWithPath: "/usr/bin/stdbuf")
    let id = "subscriber-\(UUID().uuidString.prefix(8))"
    process.arguments =
      ["-oL", "/usr/bin/mosquitto_sub", "-h", "127.0.0.1", "-p", "\(port)", "-c", "-i", id, "-q", "1", "-d"]
      + ["-t", filter, "-F", "=%r %t %x"] + login
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    let subscribed = Arrivals<Bool>()
    let received = received
    try runChild(process)
    let handle = pipe.fileHandleForReading
    Thread.detachNewThread {
      var rest = Data()
      while true {
        let data = handle.availableData
        if data.isEmpty { return }
        rest += data
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
          let line = String(decoding: rest[rest.startIndex..<end], as: UTF8.self)
          rest = rest[(end + 1)...]
          if line.hasPrefix("Subscribed") { subscribed.add(true) }
          if let item = Subscriber.parse(line) { received.add(item) }
        }
      }
    }
    try #require(subscribed.wait { !$0.isEmpty }, "mosquitto_sub did not subscribe")
  }

  private static func parse(_ line: String) -> Received? {
    guard line.hasPrefix("=") else { return nil }
    let parts = line.dropFirst().split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3 else { return nil }
    let digits = Array(parts[2].utf8)
    let payload = stride(from: 0, to: digits.count - 1, by: 2).compactMap {
      UInt8(String(decoding: digits[$0...($0 + 1)], as: UTF8.self), radix: 16)
    }
    return Received(topic: String(parts[1]), payload: payload, isRetained: parts[0] == "1")
  }

  /// Not told but made to end: mosquitto_sub can wait for itself in its own handler of the signal.
  deinit {
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }
}

/// Starts a child that can be ended by a signal: the threads that run tests block them all, and a child inherits that.
func runChild(_ process: Process) throws {
  var all = sigset_t()
  var before = sigset_t()
  unsafe sigfillset(&all)
  unsafe pthread_sigmask(SIG_UNBLOCK, &all, &before)
  defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }
  try process.run()
}

/// A TCP port of the loopback interface that nobody uses.
func freePort() -> Int {
  let listener = LoopbackListener()
  return listener.port
}

func canConnect(port: Int) -> Bool {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  defer { close(descriptor) }
  return unsafe withLoopbackAddress(port: port) { unsafe connect(descriptor, $0, $1) } == 0
}

func withLoopbackAddress(port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = in_port_t(port).bigEndian
  address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
  return unsafe withUnsafePointer(to: &address) { pointer in
    unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      unsafe body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
    }
  }
}
