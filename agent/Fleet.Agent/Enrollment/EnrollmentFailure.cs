namespace Fleet.Agent.Enrollment;

/// <summary>Why a device is not enrolled, as far as it matters for what to do next.</summary>
internal enum EnrollmentFailure
{
    /// <summary>What was asked for cannot be: a malformed token, an identity that exists. Trying again changes nothing.</summary>
    Invalid,
    /// <summary>There is no usable identity yet.</summary>
    NotEnrolled,
    /// <summary>The server did not answer, or is in trouble; try again later.</summary>
    Unreachable,
    /// <summary>The server said no, or is not the server that the join token names. Trying again changes nothing.</summary>
    Refused,
}
