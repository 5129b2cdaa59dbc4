/// Where a device is, and how it is opened.
public enum DeviceAddress: Sendable, Hashable {
  case serial(path: String, line: SerialLine)
  /// A Bluetooth controller of the board: 0 is `hci0`.
  case controller(UInt16)
  /// A socket that is open already and delivers whole packets, such as one end of a pair. Whoever opens this owns it.
  case socket(Int32)

  /// What messages call it.
  public var name: String {
    switch self {
    case .serial(let path, _): "serial port \(path)"
    case .controller(let number): "Bluetooth controller hci\(number)"
    case .socket(let descriptor): "socket \(descriptor)"
    }
  }

  /// Opens it. `locator` finds the path of a USB adapter that is called by its name.
  ///
  /// - Throws: an error whose cause is `port_missing`, `port_busy`, `port_error`, or `port_lost` while it is still being
  ///   closed.
  public func open(by locator: DeviceLocator = DeviceLocator()) throws(SensorDriversError) -> DevicePort {
    switch self {
    case .serial(let path, let line): .serial(try SerialPort(path: try locator.path(of: path), line: line))
    case .controller(let number): .bluetooth(try HCIChannel(controller: number))
    case .socket(let descriptor): .bluetooth(HCIChannel(owning: descriptor, name: name))
    }
  }
}

/// A way to a device that bytes go over: a serial port, or a Bluetooth controller of the board.
public enum DevicePort: ~Copyable {
  case serial(SerialPort)
  case bluetooth(HCIChannel)

  /// For ppoll(2); it stays the port's.
  public var fileDescriptor: Int32 {
    switch self {
    case .serial(let port): port.fileDescriptor
    case .bluetooth(let channel): channel.fileDescriptor
    }
  }

  /// What the kernel did not take over of the port's settings, as a sentence for the log; nil if it took all.
  public var warning: String? {
    switch self {
    case .serial(let port): port.warning
    case .bluetooth: nil
    }
  }

  /// How often it may be read in a row, so that a talkative port does not keep the others waiting. A channel brings one
  /// packet at a time; a serial port as much as the buffer holds.
  public var readsPerTurn: Int {
    switch self {
    case .serial: 4
    case .bluetooth: 64
    }
  }

  /// Whether there may be more behind a read that brought `count` bytes into a buffer of `capacity`.
  public func mayHaveMore(after count: Int, of capacity: Int) -> Bool {
    switch self {
    case .serial: count == capacity
    case .bluetooth: true
    }
  }

  /// Has a serial port turn an RS-485 line round as `settings` say; a controller has no such line.
  public func setDirection(_ settings: RS485Settings) throws(SensorDriversError) {
    switch self {
    case .serial(let port): try port.setDirection(settings)
    case .bluetooth: break
    }
  }

  /// Begins or ends a break on a serial port.
  public func setBreak(_ lineBreak: LineBreak, by method: BreakMethod) -> BreakResult {
    switch self {
    case .serial(let port): port.setBreak(lineBreak, by: method)
    case .bluetooth: .done
    }
  }

  /// Sets a serial port's RTS line. Returns 0, or the error number.
  public func setRequestToSend(_ isActive: Bool) -> Int32 {
    switch self {
    case .serial(let port): port.setRequestToSend(isActive)
    case .bluetooth: 0
    }
  }

  /// Reads what has arrived, at most as much as `buffer` holds.
  public func read(into buffer: inout MutableSpan<UInt8>) -> SerialPort.ReadResult {
    switch self {
    case .serial(let port): port.read(into: &buffer)
    case .bluetooth(let channel): channel.read(into: &buffer)
    }
  }

  /// Writes as much of `bytes` as the kernel takes at once.
  public func write(_ bytes: Span<UInt8>) -> SerialPort.WriteResult {
    switch self {
    case .serial(let port): port.write(bytes)
    case .bluetooth(let channel): channel.write(bytes)
    }
  }
}
