# add_static_program(NAME SOURCES ... [FLAGS ...] [DEPENDS ...]): one static ELF, from its sources at once.
#
# musl where there is one: a static glibc program is 30 times larger and spends 0.5 ms of a small virtual
# machine asking the CPU what it can do. Static and not PIE: a static PIE relocates itself at every start
# and each page it touches is private memory of a container that waits; both programs read only what
# the runtime itself, or the one who calls it, wrote.
find_program(STATIC_CC NAMES musl-gcc)
if(NOT STATIC_CC)
    set(STATIC_CC "${CMAKE_C_COMPILER}")
endif()

set(STATIC_FLAGS
    -std=gnu17 -Os -static -no-pie -fno-pie
    -Wall -Wextra
    -Werror=shadow -Werror=missing-prototypes -Werror=strict-prototypes
    -Werror=implicit-function-declaration -Werror=int-conversion -Werror=incompatible-pointer-types
    -Werror=return-type -Werror=switch-enum -Werror=format=2
    -fno-common -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
    -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections
    "-ffile-prefix-map=${CMAKE_CURRENT_SOURCE_DIR}=."
    -Wl,--gc-sections -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -s)

if(STATIC_CC MATCHES "musl-gcc")
    # Its include path has no kernel headers. Only these three directories: the rest would be glibc's.
    find_path(KERNEL_HEADERS linux/openat2.h REQUIRED)
    find_path(ASM_HEADERS asm/unistd.h
        HINTS "/usr/include/${CMAKE_LIBRARY_ARCHITECTURE}" "${KERNEL_HEADERS}" REQUIRED)
    set(BORROWED "${CMAKE_CURRENT_BINARY_DIR}/kernel-headers")
    file(MAKE_DIRECTORY "${BORROWED}")
    file(CREATE_LINK "${KERNEL_HEADERS}/linux" "${BORROWED}/linux" SYMBOLIC)
    file(CREATE_LINK "${KERNEL_HEADERS}/asm-generic" "${BORROWED}/asm-generic" SYMBOLIC)
    file(CREATE_LINK "${ASM_HEADERS}/asm" "${BORROWED}/asm" SYMBOLIC)
    list(APPEND STATIC_FLAGS -idirafter "${BORROWED}")
endif()

function(add_static_program NAME)
    cmake_parse_arguments(PROGRAM "" "" "SOURCES;FLAGS;DEPENDS" ${ARGN})
    list(TRANSFORM PROGRAM_SOURCES PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/" REGEX "^[^/]")
    add_custom_command(
        OUTPUT "${NAME}"
        COMMAND "${STATIC_CC}" ${STATIC_FLAGS} ${PROGRAM_FLAGS} ${PROGRAM_SOURCES} -o "${NAME}"
        DEPENDS ${PROGRAM_SOURCES} ${PROGRAM_DEPENDS}
        COMMENT "Building static ${NAME} with ${STATIC_CC}"
        VERBATIM)
    add_custom_target("program-${NAME}" ALL DEPENDS "${NAME}")
endfunction()
