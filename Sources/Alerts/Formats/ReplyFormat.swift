public import Observations

/// What became of a command, for whoever sent it.
public struct CommandReply: Sendable, Hashable {
  /// The command's id.
  public var id: String
  /// The `kid` of the authority that signed it.
  public var authority: String
  /// What was to be done; nil where that could not be read.
  public var verb: String?
  /// Why it was refused, as a word of an open list; nil: it was done.
  public var refusal: String?
  /// The refusal in plain words, and what to do.
  public var explanation: String?
  public var at: Moment

  public init(id: String, authority: String, verb: String?, refusal: String?, explanation: String?, at: Moment) {
    self.id = id
    self.authority = authority
    self.verb = verb
    self.refusal = refusal
    self.explanation = explanation
    self.at = at
  }
}

extension Formats {
  /// The answer to a command: schema `mimamori.reply/1`. Says neither a tag nor a person.
  public func reply(_ reply: CommandReply) -> [UInt8] {
    var json = JSONWriter(capacity: 512)
    json.beginObject()
    json.member("schema", "mimamori.reply/1")
    json.member("id", reply.id)
    json.member("gateway", context.plan.gateway)
    json.member("result", reply.refusal == nil ? "done" : "refused")
    json.member("reason", reply.refusal)
    json.member("explanation", reply.explanation)
    json.member("do", reply.verb)
    json.member("kid", reply.authority)
    json.member("at", text(reply.at.wall))
    json.clockMembers(boot: context.boot, reply.at)
    json.endObject()
    return json.bytes
  }

  /// The same as the result of a command for a FIWARE IoT Agent: one text, without the characters that Orion refuses.
  ///
  /// - Parameters:
  ///   - refusal: why it was refused, as a word; nil: it was done.
  ///   - explanation: the refusal in plain words.
  public func agentResult(id: String, refusal: String?, explanation: String?) -> [UInt8] {
    var words = "\(refusal == nil ? "done" : "refused") \(id)"
    if let refusal { words += " \(refusal)" }
    if let explanation { words += ": \(explanation)" }
    var json = JSONWriter(capacity: 320)
    json.beginObject()
    json.member("mimamori", NGSIEntity.safe(words))
    json.endObject()
    return json.bytes
  }
}
