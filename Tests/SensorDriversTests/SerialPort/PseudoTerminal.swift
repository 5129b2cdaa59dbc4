import Foundation
import Glibc

/// A pseudo-terminal: what a test writes to it arrives at whoever opens `path`, and the other way round.
final class PseudoTerminal {
  let path: String
  private var descriptor: Int32

  /// TIOCSPTLCK and TIOCGPTN of asm-generic/ioctls.h, macros that are not imported.
  private static let setLock: UInt = 0x4004_5431
  private static let getNumber: UInt = 0x8004_5430

  init() throws {
    descriptor = unsafe open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)
    var unlocked: Int32 = 0
    var number: UInt32 = 0
    guard descriptor >= 0, unsafe ioctl(descriptor, Self.setLock, &unlocked) == 0,
      unsafe ioctl(descriptor, Self.getNumber, &number) == 0
    else { throw CocoaError(.fileNoSuchFile) }
    path = "/dev/pts/\(number)"
  }

  deinit { hangUp() }

  /// The device is unplugged.
  func hangUp() {
    if descriptor >= 0 { close(descriptor) }
    descriptor = -1
  }

  func write(_ bytes: [UInt8]) -> Int {
    unsafe Glibc.write(descriptor, bytes, bytes.count)
  }

  func read() -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = unsafe Glibc.read(descriptor, &bytes, bytes.count)
    return Array(bytes.prefix(max(count, 0)))
  }

  /// Waits for so many bytes, twenty seconds for each piece of them at most.
  func read(_ count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < count, awaitReadable(descriptor, milliseconds: 20_000) {
      let piece = read()
      guard !piece.isEmpty else { break }
      bytes += piece
    }
    return bytes
  }
}

/// Waits until a descriptor has something to say, at most so long. Returns whether it has.
func awaitReadable(_ descriptor: Int32, milliseconds: Int32) -> Bool {
  var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
  return unsafe poll(&entry, 1, milliseconds) > 0
}
