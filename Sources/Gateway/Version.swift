/// The version of the programs and of what they publish.
public let mimamoriVersion = "0.1.0"
