namespace Fleet.Agent.Enrollment;

/// <summary>Why a device is not enrolled, by what to do next.</summary>
internal enum EnrollmentFailure
{
    /// <summary>The request itself is wrong: a malformed token, an identity that exists. Trying again changes nothing.</summary>
    Invalid,
    /// <summary>There is no usable identity yet.</summary>
    NotEnrolled,
    /// <summary>An operator has not decided yet; ask again with the same key.</summary>
    Waiting,
    /// <summary>The server did not answer, or is in trouble; try again later.</summary>
    Unreachable,
    /// <summary>The server refused, or is not the one that the join token names. Trying again changes nothing.</summary>
    Refused,
}
