import CGPIOD
import Glibc
import Locks

/// Output lines that stay requested although nobody switches them at the moment: from one configuration to the next, and,
/// where a service manager keeps their descriptors, from one run of the gateway to the next.
///
/// A line that is let go is no longer driven: its resistor decides, and a relay may move. One that is kept stands at its
/// safe level all the time. A kept line is known by a name that holds everything it was requested with.
public final class KeptLines: Sendable {
  private let lines: Locked<[String: Int32]>
  private let store: @Sendable (_ descriptor: Int32, _ name: String) -> Void
  private let forget: @Sendable (_ name: String) -> Void

  /// Takes over what an earlier run left, and sets it to its safe level at once.
  ///
  /// - Parameters:
  ///   - inherited: the descriptors by their names; they belong to this from now on.
  ///   - store: has a copy of the descriptor kept beyond the end of this process.
  ///   - forget: has that copy closed.
  public init(
    inherited: [String: Int32] = [:],
    store: @escaping @Sendable (_ descriptor: Int32, _ name: String) -> Void = { _, _ in },
    forget: @escaping @Sendable (_ name: String) -> Void = { _ in }
  ) {
    var lines: [String: Int32] = [:]
    for (name, descriptor) in inherited {
      if let isSafeActive = Self.isSafeActive(name), mimamori_gpio_set(descriptor, 1, isSafeActive ? 1 : 0) == 0 {
        lines[name] = descriptor
      } else {
        // Of a chip that has gone, or not ours.
        forget(name)
        close(descriptor)
      }
    }
    self.lines = Locked(lines)
    self.store = store
    self.forget = forget
  }

  deinit {
    lines.withLock { for descriptor in $0.values { close(descriptor) } }
  }

  /// Lets go of what the configuration does not use.
  public func releaseUnclaimed() {
    release { _ in true }
  }

  /// How many lines are kept that nobody has taken.
  public var count: Int { lines.withLock { $0.count } }

  static func name(chip: String, offset: UInt32, isActiveHigh: Bool, isSafeActive: Bool) -> String {
    "\(prefix(chip, offset))\(isActiveHigh ? "high" : "low")-\(isSafeActive ? "on" : "off")"
  }

  /// A service manager separates names by colons.
  private static func prefix(_ chip: String, _ offset: UInt32) -> String {
    "gpio-" + chip.map { $0 == ":" ? "_" : String($0) }.joined() + "-\(offset)-"
  }

  private static func isSafeActive(_ name: String) -> Bool? {
    guard name.hasPrefix("gpio-") else { return nil }
    return name.hasSuffix("-on") ? true : name.hasSuffix("-off") ? false : nil
  }

  /// The line of this name, at its safe level, if it is kept and its chip is still there.
  func take(_ name: String) -> Int32? {
    guard let descriptor = lines.withLock({ $0.removeValue(forKey: name) }) else { return nil }
    if mimamori_gpio_set(descriptor, 1, Self.isSafeActive(name) == true ? 1 : 0) == 0 { return descriptor }
    discard(descriptor, name)
    return nil
  }

  /// Makes room for a request of this line with other settings than it is kept with.
  func release(chip: String, offset: UInt32) {
    release { $0.hasPrefix(Self.prefix(chip, offset)) }
  }

  /// A line was requested.
  func requested(_ descriptor: Int32, _ name: String) {
    store(descriptor, name)
  }

  /// Keeps a line that nobody switches any more.
  func put(_ descriptor: Int32, _ name: String) {
    lines.withLock { $0[name] = descriptor }
  }

  /// Lets go of a line.
  func discard(_ descriptor: Int32, _ name: String) {
    forget(name)
    close(descriptor)
  }

  private func release(where isMeant: (String) -> Bool) {
    let released = lines.withLock { lines in
      let released = lines.filter { isMeant($0.key) }
      for name in released.keys { lines[name] = nil }
      return released
    }
    for (name, descriptor) in released { discard(descriptor, name) }
  }
}
