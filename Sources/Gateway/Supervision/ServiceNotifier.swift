import CLinux
import Glibc
public import Observations

/// Tells the service manager how the gateway is: the protocol of sd_notify(3), spoken over `NOTIFY_SOCKET`.
///
/// Without a service manager every call does nothing.
public struct ServiceNotifier: Sendable {
  private let address: String?
  /// How often the watchdog wants a sign of life: half of what the service manager waits.
  public let watchdogInterval: TimeSpan?

  /// Reads `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`.
  public init(environment: (String) -> String? = ServiceNotifier.variable) {
    let socket = environment("NOTIFY_SOCKET")
    address = socket.flatMap { $0.hasPrefix("/") || $0.hasPrefix("@") ? $0 : nil }
    let isForUs = environment("WATCHDOG_PID").map { Int32($0) == getpid() } ?? true
    if isForUs, let text = environment("WATCHDOG_USEC"), let microseconds = Int64(text), microseconds > 1 {
      watchdogInterval = TimeSpan(nanoseconds: microseconds * 1000 / 2)
    } else {
      watchdogInterval = nil
    }
  }

  /// The value of an environment variable.
  public static func variable(_ name: String) -> String? {
    unsafe getenv(name).map { unsafe String(cString: $0) }
  }

  public func ready(_ status: String) { send("READY=1\nSTATUS=\(status)") }
  public func reloading(at time: MonotonicTime) {
    send("RELOADING=1\nMONOTONIC_USEC=\(time.nanoseconds / 1000)")
  }
  public func stopping() { send("STOPPING=1") }
  /// Asks for so much time from now on, although a start may not take as long.
  public func extendStart(by time: TimeSpan) { send("EXTEND_TIMEOUT_USEC=\(time.nanoseconds / 1000)") }
  /// Never waits: a sign of life that the service manager does not take at once is followed by the next.
  public func watchdog() { send("WATCHDOG=1", waits: false) }

  /// Has the service manager keep a copy of a descriptor under a name, for the next run. Never waits.
  public func keep(_ descriptor: Int32, as name: String) {
    send("FDSTORE=1\nFDNAME=\(name)", waits: false, passing: descriptor)
  }
  /// Has it close what it keeps under the name. Never waits.
  public func forget(_ name: String) { send("FDSTOREREMOVE=1\nFDNAME=\(name)", waits: false) }

  /// What the service manager has kept of an earlier run, by name: the protocol of sd_listen_fds(3). The descriptors
  /// belong to the caller, so this is called once.
  public static func keptDescriptors(
    environment: (String) -> String? = ServiceNotifier.variable
  ) -> [(name: String, descriptor: Int32)] {
    guard let process = environment("LISTEN_PID"), Int32(process) == getpid(), let text = environment("LISTEN_FDS"),
      let count = Int32(text), (1...1024).contains(count)
    else { return [] }
    let names = environment("LISTEN_FDNAMES")?.split(separator: ":", omittingEmptySubsequences: false) ?? []
    return (0..<count).map { index in
      let descriptor = 3 + index
      _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
      return (Int(index) < names.count ? String(names[Int(index)]) : "unknown", descriptor)
    }
  }

  /// A service manager that takes nothing is waited for no longer than this.
  private static let longestWaitSeconds = 1

  private func send(_ message: String, waits: Bool = true, passing passed: Int32 = -1) {
    guard let address else { return }
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    var longestWait = timeval(tv_sec: Self.longestWaitSeconds, tv_usec: 0)
    let size = socklen_t(MemoryLayout<timeval>.size)
    _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &longestWait, size)
    let flags = Int32(MSG_NOSIGNAL) | (waits ? 0 : Int32(MSG_DONTWAIT))
    var name = sockaddr_un()
    name.sun_family = sa_family_t(AF_UNIX)
    // An address in the abstract namespace begins with a zero byte, which is written as @.
    var path = Array(address.utf8)
    if path.first == UInt8(ascii: "@") { path[0] = 0 }
    let prefix = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 2
    guard path.count < MemoryLayout.size(ofValue: name.sun_path) else { return }
    unsafe withUnsafeMutableBytes(of: &name.sun_path) { unsafe $0.copyBytes(from: path) }
    let bytes = Array(message.utf8)
    let result = unsafe withUnsafePointer(to: &name) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        unsafe connect(descriptor, address, socklen_t(prefix + path.count))
      }
    }
    if result == 0 { _ = unsafe mimamori_send(descriptor, bytes, bytes.count, passed, flags) }
  }
}
