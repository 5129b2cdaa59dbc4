import Foundation
import Glibc
import Observations
import Testing

@testable import SensorDrivers

@Suite struct SerialPortTests {
  /// The error that opening `path` gives, or nil if it opens.
  private func errorOfOpening(_ path: String, _ line: SerialLine = SerialLine(baud: 9600)) -> SensorDriversError? {
    do throws(SensorDriversError) {
      _ = try SerialPort(path: path, line: line)
      return nil
    } catch {
      return error
    }
  }

  private func readAll(_ port: borrowing SerialPort) -> (bytes: [UInt8], last: SerialPort.ReadResult) {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 16)
    while true {
      var span = buffer.mutableSpan
      let result = port.read(into: &span)
      guard case .bytes(let count) = result else { return (bytes, result) }
      bytes += buffer.prefix(count)
    }
  }

  @Test func `carries every byte both ways unchanged`() throws {
    let terminal = try PseudoTerminal()
    let port = try SerialPort(path: terminal.path, line: SerialLine(baud: 9600))
    #expect(port.warning == nil)
    #expect(readAll(port).last == .nothing)
    let every = (0...255).map(UInt8.init)
    #expect(terminal.write(every) == 256)
    #expect(awaitReadable(port.fileDescriptor, milliseconds: 20_000))
    let (bytes, last) = readAll(port)
    #expect(bytes == every)
    #expect(last == .nothing)
    #expect(port.write(every.span) == .written(256))
    #expect(terminal.read() == every)
  }

  @Test(arguments: [1200, 9600, 115_200, 250_000, 1_000_000])
  func `sets any speed as a number`(baud: Int) throws {
    let terminal = try PseudoTerminal()
    let port = try SerialPort(path: terminal.path, line: SerialLine(baud: baud))
    #expect(port.warning == nil)
    let settings = try #require(TerminalSettings(of: port.fileDescriptor))
    #expect(settings.difference(from: TerminalSettings(SerialLine(baud: baud))) == nil)
    #expect(settings.difference(from: TerminalSettings(SerialLine(baud: baud * 2)))?.contains("baud") == true)
  }

  @Test func `warns of a frame that the device does not take`() throws {
    let terminal = try PseudoTerminal()
    let port = try SerialPort(path: terminal.path, line: SerialLine(baud: 1200, dataBits: 7, parity: .even))
    let warned = port.warning
    let warning = try #require(warned)
    #expect(warning.contains(terminal.path) && warning.contains("7E1"))
  }

  @Test func `a pseudo-terminal gets seven bits and parity in software, and a byte of wrong parity is read as zero`()
    throws
  {
    let terminal = try PseudoTerminal()
    let port = try SerialPort(path: terminal.path, line: SerialLine(baud: 1200, dataBits: 7, parity: .even))
    let warned = port.warning
    #expect(try #require(warned).contains("in software"))
    #expect(port.write([0x30, 0x31, 0x21].span) == .written(3))
    #expect(terminal.read(3) == [0x30, 0xB1, 0x21])
    // 0 and 1 with their parity, 1 without its own.
    #expect(terminal.write([0x30, 0xB1, 0x31]) == 3)
    #expect(awaitReadable(port.fileDescriptor, milliseconds: 20_000))
    #expect(readAll(port).bytes == [0x30, 0x31, 0])
  }

  @Test func `parity in software by configuration needs no warning`() throws {
    let terminal = try PseudoTerminal()
    let port = try SerialPort(
      path: terminal.path, line: SerialLine(baud: 1200, dataBits: 7, parity: .even, makesParityInSoftware: true))
    let warning = port.warning
    #expect(warning == nil)
    #expect(port.write([0x31].span) == .written(1))
    #expect(terminal.read(1) == [0xB1])
  }

  @Test func `a break that the port cannot make is a zero byte at half the speed`() throws {
    let terminal = try PseudoTerminal()
    let port = try SerialPort(path: terminal.path, line: SerialLine(baud: 1200, dataBits: 7, parity: .even))
    #expect(port.setBreak(.begin, by: .line) == .unsupported)
    #expect(port.setBreak(.begin, by: .none) == .done)
    #expect(port.setBreak(.begin, by: .byte) == .done)
    let during = try #require(TerminalSettings(of: port.fileDescriptor))
    #expect(during.difference(from: TerminalSettings(SerialLine(baud: 600))) == nil)
    #expect(terminal.read(1) == [0])
    #expect(port.setBreak(.end, by: .byte) == .done)
    let after = try #require(TerminalSettings(of: port.fileDescriptor))
    #expect(after.difference(from: TerminalSettings(SerialLine(baud: 1200))) == nil)
  }

  @Test func `a missing device is named, with what to do`() throws {
    let error = try #require(errorOfOpening("/dev/mimamori-no-such-port"))
    #expect(error.cause == .portMissing)
    #expect(
      error.description.hasPrefix(
        "Failed to open the serial port /dev/mimamori-no-such-port: No such file or directory. Connect"))
  }

  @Test func `a port that is open elsewhere is busy until it is closed`() throws {
    let terminal = try PseudoTerminal()
    do {
      let port = try SerialPort(path: terminal.path, line: SerialLine(baud: 9600))
      let error = try #require(errorOfOpening(terminal.path))
      #expect(error.cause == .portBusy)
      #expect(error.description.contains("Device or resource busy") && error.description.contains("fuser"))
      #expect(port.write([1].span) == .written(1))
    }
    #expect(errorOfOpening(terminal.path) == nil)
  }

  @Test func `a port is free once it is closed, although a child that is being started has a copy of it`() throws {
    let terminal = try PseudoTerminal()
    var copy: Int32 = -1
    defer { close(copy) }
    do {
      let port = try SerialPort(path: terminal.path, line: SerialLine(baud: 9600))
      copy = dup(port.fileDescriptor)
      #expect(errorOfOpening(terminal.path)?.cause == .portBusy)
    }
    #expect(errorOfOpening(terminal.path) == nil)
  }

  @Test(arguments: ["/dev/null", "/proc/self/stat", "/tmp"])
  func `what is no serial port is refused`(path: String) throws {
    let error = try #require(errorOfOpening(path))
    #expect(error.cause == .portError)
    #expect(error.description.contains(path))
  }

  @Test func `a device that is unplugged is lost, and opens again when it is back`() throws {
    let link = FileManager.default.temporaryDirectory.appending(path: "mimamori-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: link) }
    let first = try PseudoTerminal()
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: first.path)
    do {
      let port = try SerialPort(path: link, line: SerialLine(baud: 9600))
      // The link goes first, as with udev: another test may be given the same number at once.
      try FileManager.default.removeItem(atPath: link)
      first.hangUp()
      #expect(awaitReadable(port.fileDescriptor, milliseconds: 20_000))
      guard case .lost(let error) = readAll(port).last else {
        Issue.record("The port does not say that it is lost")
        return
      }
      #expect(error.cause == .portLost)
      guard case .lost = port.write([1].span) else {
        Issue.record("The lost port takes bytes")
        return
      }
    }
    #expect(errorOfOpening(link)?.cause == .portMissing)
    let second = try PseudoTerminal()
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: second.path)
    let port = try SerialPort(path: link, line: SerialLine(baud: 9600))
    #expect(second.write([7]) == 1)
    #expect(awaitReadable(port.fileDescriptor, milliseconds: 20_000))
    #expect(readAll(port).bytes == [7])
  }

  @Test func `a full line takes nothing more, and closing it does not wait`() throws {
    let terminal = try PseudoTerminal()
    let block = [UInt8](repeating: 0, count: 65_536)
    let start = ContinuousClock.now
    do {
      let port = try SerialPort(path: terminal.path, line: SerialLine(baud: 9600))
      var isFull = false
      for _ in 0..<100 where port.write(block.span) == .written(0) { isFull = true }
      #expect(isFull)
    }
    #expect(ContinuousClock.now - start < .seconds(5))
  }
}
