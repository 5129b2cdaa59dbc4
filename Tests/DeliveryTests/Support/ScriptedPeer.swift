import Foundation

/// A listening socket of the loopback interface.
final class LoopbackListener: Sendable {
  let descriptor: Int32
  let port: Int

  init() {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var yes: Int32 = 1
    unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    let bound = descriptor
    _ = unsafe withLoopbackAddress(port: 0) { unsafe bind(bound, $0, $1) }
    listen(descriptor, 16)
    var address = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    _ = unsafe withUnsafeMutablePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe getsockname(bound, $0, &length) }
    }
    port = Int(in_port_t(bigEndian: address.sin_port))
  }

  deinit {
    shutdown(descriptor, Int32(SHUT_RDWR))
    close(descriptor)
  }
}

/// A packet of MQTT as it came.
struct Packet: Sendable, Hashable {
  /// Type and flags.
  var head: UInt8
  var body: [UInt8]

  var type: UInt8 { head >> 4 }
  /// The protocol level of a CONNECT: 5, or 4 for 3.1.1.
  var level: UInt8 { body.count > 6 ? body[6] : 0 }
  /// The packet identifier of a PUBLISH of QoS 1.
  var identifier: [UInt8] {
    let topicLength = Int(body[0]) << 8 | Int(body[1])
    return Array(body[(2 + topicLength)..<(4 + topicLength)])
  }
}

/// Stands in for a broker that misbehaves: tells what arrives, and answers as it is told.
final class ScriptedPeer: Sendable {
  /// What is written back for a packet of the connection with that number; nil ends the connection.
  typealias Answer = @Sendable (_ connection: Int, Packet) -> [UInt8]?

  let packets = Arrivals<(connection: Int, packet: Packet)>()
  let connections = Arrivals<Int>()
  private let listener = LoopbackListener()

  var port: Int { listener.port }

  /// - Parameter greeting: written at once to everyone who connects.
  init(greeting: [UInt8] = [], answer: @escaping Answer = { _, _ in [] }) {
    let descriptor = listener.descriptor
    let packets = packets
    let connections = connections
    Thread.detachNewThread {
      var number = 0
      while true {
        let peer = accept(descriptor, nil, nil)
        if peer < 0 { return }
        number += 1
        connections.add(number)
        let connection = number
        Thread.detachNewThread {
          ScriptedPeer.write(peer, greeting)
          while let packet = ScriptedPeer.read(peer) {
            packets.add((connection, packet))
            guard let bytes = answer(connection, packet) else { break }
            ScriptedPeer.write(peer, bytes)
          }
          close(peer)
        }
      }
    }
  }

  private static func write(_ descriptor: Int32, _ bytes: [UInt8]) {
    if !bytes.isEmpty { _ = unsafe send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }
  }

  private static func read(_ descriptor: Int32) -> Packet? {
    guard let head = read(descriptor, count: 1)?.first else { return nil }
    var length = 0
    var shift = 0
    while true {
      guard let byte = read(descriptor, count: 1)?.first else { return nil }
      length |= Int(byte & 127) << shift
      shift += 7
      if byte < 128 { break }
    }
    guard let body = read(descriptor, count: length) else { return nil }
    return Packet(head: head, body: body)
  }

  private static func read(_ descriptor: Int32, count: Int) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: count)
    var have = 0
    while have < count {
      let offset = have
      let got = unsafe bytes.withUnsafeMutableBytes {
        unsafe recv(descriptor, $0.baseAddress! + offset, count - offset, 0)
      }
      if got <= 0 { return nil }
      have += got
    }
    return bytes
  }

  /// CONNACK, accepting, in MQTT 5 and in 3.1.1.
  static func accepting(_ connect: Packet) -> [UInt8] {
    connect.level == 5 ? [0x20, 3, 0, 0, 0] : [0x20, 2, 0, 0]
  }

  /// Answers as a broker that takes everything.
  static func agreeable(_ packet: Packet) -> [UInt8] {
    switch packet.type {
    case 1: accepting(packet)
    case 3: [0x40, 2] + packet.identifier
    case 12: [0xd0, 0]
    default: []
    }
  }
}
