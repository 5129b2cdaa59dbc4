import Glibc
public import Observations

/// Tells the service manager how the gateway is: the protocol of sd_notify(3), spoken over `NOTIFY_SOCKET`.
///
/// Without a service manager every call does nothing.
public struct ServiceNotifier {
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
  /// Never waits: a sign of life that the service manager does not take at once is followed by the next.
  public func watchdog() { send("WATCHDOG=1", waits: false) }

  /// A service manager that takes nothing is waited for no longer than this.
  private static let longestWaitSeconds = 1

  private func send(_ message: String, waits: Bool = true) {
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
    _ = unsafe withUnsafePointer(to: &name) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        unsafe sendto(
          descriptor, bytes, bytes.count, flags, address, socklen_t(prefix + path.count))
      }
    }
  }
}
